/**
 * A known bug, as exact edits of shipped sources. A checker that has never failed proves nothing: each of these must
 * make one fail. Where a text is no longer in its file, or not exactly once, the test fails: the bug has to be
 * planted anew in the code as it is now.
 */
export interface PlantedBug {
  readonly name: string;
  /** What it breaks, for the table. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** From the project's root. */
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/** The source with the edit. Throws unless the text to replace occurs exactly once. */
export function applyEdit(source: string, { file, search, replace }: Edit): string {
  const parts = source.split(search);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once: ${search}`);
  return parts.join(replace);
}
