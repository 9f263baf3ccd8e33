export const compilerFlags: string;
export function missingInstructions(info: string): string[];
export function missingHere(): string[];
