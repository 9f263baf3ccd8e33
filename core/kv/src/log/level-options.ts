/** What a `LevelLog` lets its owner choose. */
import { VarveError } from '@varve/interfaces';

/** Sizes of a log; every field has a default. */
export interface LevelLogOptions {
  /** Bytes of LevelDB's log file after which it moves on to a new one and drops what is deleted; 16 MiB by default. */
  readonly rotateBytes?: number;
  /** Waiting bytes after which `append` answers `LIMIT_EXCEEDED`; 256 MiB by default. */
  readonly queueBytesMax?: number;
  /** Bytes of commits that share one sync at most, unless one commit alone is larger; 4 MiB by default. */
  readonly groupBytesMax?: number;
  /** Writes zeros ahead in LevelDB's log file, so that syncs write data only; on by default. */
  readonly reserve?: boolean;
}

/** The choices with their defaults. @throws VarveError `ARGUMENT_INVALID` */
export function levelLogOptions(options: LevelLogOptions): Required<LevelLogOptions> {
  const whole = {
    rotateBytes: options.rotateBytes ?? 16 << 20,
    queueBytesMax: options.queueBytesMax ?? 256 << 20,
    groupBytesMax: options.groupBytesMax ?? 4 << 20,
    reserve: options.reserve ?? true,
  };
  for (const [name, value] of Object.entries(whole)) {
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0)) {
      throw new VarveError('ARGUMENT_INVALID', {
        message: `${name} is not a positive whole number: ${value}`,
      });
    }
  }
  return whole;
}
