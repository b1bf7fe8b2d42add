/** The owners that a row of hints.db is kept for: both lists, sorted, each once. */
export function union(left: readonly string[], right: readonly string[]): readonly string[] {
  return right.length === 0 ? left : [...new Set([...left, ...right])].sort();
}
