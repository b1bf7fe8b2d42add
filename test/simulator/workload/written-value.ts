/**
 * The bytes that clients write. Each says which write it is, of which key, and which writes its author had been shown:
 * so causality can be checked without decoding contexts, and a checksum shows bytes that nobody wrote.
 */
export interface WrittenValue {
  readonly id: string;
  readonly key: string;
  readonly saw: readonly string[];
}

const text = new TextEncoder();
const latin = new TextDecoder();

export function encodeValue(value: WrittenValue, padding: number): Uint8Array {
  const body = `${value.id}|${value.key}|${value.saw.join(",")}|${"x".repeat(padding)}`;
  return text.encode(`${checksum(body)}|${body}`);
}

/** Undefined where the bytes are not as they were written. */
export function decodeValue(bytes: Uint8Array): WrittenValue | undefined {
  const all = latin.decode(bytes);
  const body = all.slice(9);
  if (all.slice(0, 9) !== `${checksum(body)}|`) return undefined;
  const [id, key, saw] = body.split("|");
  if (id === undefined || key === undefined || saw === undefined) return undefined;
  return { id, key, saw: saw === "" ? [] : saw.split(",") };
}

/** FNV-1a, 8 hex digits. */
function checksum(body: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < body.length; i++) hash = Math.imul(hash ^ body.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
