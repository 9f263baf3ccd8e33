/** The types that abstract-level's encodings stand for, by name. */
import type { Transcoder } from 'abstract-level';

/** The encodings that abstract-level knows by name. */
export type EncodingName = Transcoder.KnownEncodingName;

/** What an encoding gives back; `json` may hold anything. */
export type Decoded<Name extends EncodingName> = Name extends 'json'
  ? unknown
  : Transcoder.KnownEncodingOutput<Name>;
