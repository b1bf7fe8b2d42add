const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes for people: "812 B", "1.4 MiB", "37 GiB". */
export function shownBytes(bytes: number): string {
  if (bytes < 1_024) return `${Math.round(bytes)} B`;
  let amount = bytes / 1_024;
  let unit = 0;
  while (amount >= 1_024 && unit < UNITS.length - 1) {
    amount /= 1_024;
    unit++;
  }
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[unit]}`;
}
