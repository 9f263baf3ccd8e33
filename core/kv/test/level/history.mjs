// What the commits and catalogues of a tortured log hold: it follows from their numbers.

/** The batch of commit `sequence`. @param {number} sequence @returns {Uint8Array} */
export function batchOf(sequence) {
  const batch = Buffer.alloc(8 + ((sequence * 7919) % 700), sequence & 0xff);
  batch.writeDoubleLE(sequence, 0);
  return batch;
}

/** The catalogue of a fold up to `folded`. @param {number} folded @returns {Uint8Array} */
export function catalogueOf(folded) {
  return Buffer.from(String(folded));
}
