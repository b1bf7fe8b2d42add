import { DynamoError } from "./dynamo-error.ts";
import { jsonOf, textOf, type Sibling } from "./value.ts";

/**
 * A key as one read saw it: its siblings and the context that covers exactly them. The context travels inside, so
 * that the plain way to write (`put(entry, value)`) replaces what was read and nothing that was not (Dynamo §4.4).
 */
export class Entry {
  readonly bucket: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** None: not found; one: the value; several: concurrent versions, to be reconciled by who reads them. */
  readonly siblings: readonly Sibling[];
  /** Opaque; empty where nothing is known of the key. Present beside no siblings where it was deleted. */
  readonly context: string;
  /** How many of the key's owners this read rests on; undefined for an entry as written. */
  readonly owners: OwnersAnswered | undefined;
  readonly #resolved: Sibling | undefined;

  constructor(fields: EntryFields) {
    this.bucket = fields.bucket;
    this.key = fields.key;
    this.siblings = fields.siblings;
    this.context = fields.context;
    this.owners = fields.owners;
    this.#resolved = fields.resolved ?? (fields.siblings.length === 1 ? fields.siblings[0] : undefined);
  }

  get exists(): boolean {
    return this.siblings.length > 0;
  }

  /** Several values: a put of this entry settles it. */
  get conflicted(): boolean {
    return this.siblings.length > 1;
  }

  /**
   * The value, or what the resolver made of several; undefined where there is none. Throws DynamoError
   * siblings_unresolved where there are several and the client has no resolver.
   */
  get current(): Sibling | undefined {
    if (this.#resolved !== undefined || this.siblings.length === 0) return this.#resolved;
    throw new DynamoError(
      `${this.siblings.length} concurrent values of this key: merge entry.siblings into one value and put it with ` +
        `put(entry, merged), or give the client a resolve function`,
      { code: "siblings_unresolved" },
    );
  }

  /** As `current`. */
  bytes(): Uint8Array | undefined {
    return this.current?.value;
  }

  /** As `current`; throws DynamoError bad_answer where the value is not UTF-8. */
  text(): string | undefined {
    const current = this.current;
    return current === undefined ? undefined : textOf(current);
  }

  /** As `current`; throws DynamoError bad_answer where the value is not JSON. */
  json(): unknown {
    const current = this.current;
    return current === undefined ? undefined : jsonOf(current);
  }
}

export interface EntryFields {
  readonly bucket: string | Uint8Array;
  readonly key: string | Uint8Array;
  readonly siblings: readonly Sibling[];
  readonly context: string;
  readonly owners?: OwnersAnswered | undefined;
  readonly resolved?: Sibling;
}

/** Fewer than R answered of a key that was not found: owners that are down may have it. */
export interface OwnersAnswered {
  readonly answered: number;
  readonly total: number;
}
