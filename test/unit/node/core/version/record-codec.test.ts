import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import { withDot } from "../../../../../node/core/version/coverage.ts";
import { type ActorId, parseActorId } from "../../../../../node/core/version/dot.ts";
import { decodeRecord, encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { emptyRecord, type KeyRecord, merge, type Sibling } from "../../../../../node/core/version/record.ts";
import { CLIENTS, REPLICAS, schedulesWithRetries } from "./arbitrary-schedule.ts";
import { goldenFiles, recordOf, type RecordMeaning } from "./golden-files.ts";
import { Schedule, shippedRules } from "./schedule.ts";

const goldens = goldenFiles<RecordMeaning>("record");

/** Undefined where the bytes are refused; fails on any error that is not MalformedBytes. */
function decodedOrRefused(bytes: Uint8Array): KeyRecord | undefined {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

function expectCanonicalOrRefused(bytes: Uint8Array): boolean {
  const record = decodedOrRefused(bytes);
  if (record === undefined) return false;
  if (Buffer.compare(encodeRecord(record), bytes) === 0) return true;
  throw new Error(`decodes and encodes to other bytes: ${Buffer.from(bytes).toString("hex")}`);
}

/** Every single bit, and a few at once. */
const FLIPS = [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff, 0x03];

describe("golden records", () => {
  it("cover live values, siblings, tombstones, loose dots, unknown fields, expiry, text and bare coverage", () => {
    expect(goldens.map(({ name }) => name)).to.deep.equal([
      "record-expires",
      "record-live",
      "record-loose-dots",
      "record-no-siblings",
      "record-siblings",
      "record-text",
      "record-tombstone",
      "record-unknown-fields",
    ]);
  });

  for (const { name, bytes, meaning } of goldens) {
    it(`${name}.bin is what ${name}.json encodes to: ${meaning.about}`, () => {
      expect(Buffer.from(encodeRecord(recordOf(meaning))).toString("hex")).to.equal(
        Buffer.from(bytes).toString("hex"),
      );
    });

    it(`${name}.bin decodes to what ${name}.json says`, () => {
      expect(decodeRecord(bytes)).to.deep.equal(recordOf(meaning));
    });

    it(`${name}.bin is refused when cut anywhere`, () => {
      for (let length = 0; length < bytes.length; length++) {
        expect(decodedOrRefused(bytes.subarray(0, length)), `first ${length} bytes`).to.equal(undefined);
      }
    });

    it(`${name}.bin with any one byte changed is refused or encodes to the same bytes`, () => {
      let refused = 0;
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        for (const xor of FLIPS) {
          changed[at] = bytes[at]! ^ xor;
          if (!expectCanonicalOrRefused(changed)) refused++;
        }
      }
      expect(refused).to.be.greaterThan(bytes.length);
    });

    it(`${name}.bin with a byte added or taken out is refused or encodes to the same bytes`, () => {
      for (let at = 0; at <= bytes.length; at++) {
        const rest = bytes.subarray(at);
        for (const added of [0, 1, 0x80, 0xff]) {
          expectCanonicalOrRefused(new Uint8Array([...bytes.subarray(0, at), added, ...rest]));
        }
        expectCanonicalOrRefused(new Uint8Array([...bytes.subarray(0, at), ...rest.subarray(1)]));
      }
    });
  }
});

describe("the record codec", () => {
  it("gives back every reachable record", () => {
    fc.assert(
      fc.property(schedulesWithRetries, (steps) => {
        const schedule = new Schedule({ replicas: REPLICAS, clients: CLIENTS, rules: shippedRules }).run(
          steps,
        );
        for (const record of schedule.records)
          expect(decodeRecord(encodeRecord(record))).to.deep.equal(record);
      }),
      { numRuns: 50 },
    );
  });

  it("gives back any value, content type, request id and time", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    const name = fc.uint8Array({ maxLength: 10 });
    const timeMs = fc.maxSafeNat();
    const sibling = fc.record({
      value: fc.uint8Array({ maxLength: 60 }),
      contentType: text,
      modifiedMs: timeMs,
      requestId: text,
      expiresAtMs: fc.option(timeMs, { nil: undefined }),
    });
    fc.assert(
      fc.property(sibling, name, name, (fields, bucket, key) => {
        const record = singleSibling({ ...base, ...fields }, { bucket, key });
        expect(decodeRecord(encodeRecord(record))).to.deep.equal(record);
      }),
    );
  });

  it("never throws anything but MalformedBytes on arbitrary bytes behind a sound start", () => {
    const start = encodeRecord(emptyRecord(names)).subarray(0, 5);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        expectCanonicalOrRefused(new Uint8Array([...start, ...rest]));
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives values as views of the bytes, not as copies", () => {
    const bytes = encodeRecord(singleSibling({ ...base, value: new Uint8Array(1024).fill(7) }, names));
    expect(decodeRecord(bytes).siblings[0]!.value.buffer).to.equal(bytes.buffer);
  });

  it("reads what a merge of records with as many unknown fields as a tag can name becomes", () => {
    const fields = (parity: number) =>
      Array.from({ length: 255 }, (_, i) => i + 1)
        .filter((tag) => tag % 2 === parity)
        .map((tag) => ({ tag, bytes: new Uint8Array([tag]) }));
    const odd = { ...emptyRecord(names), unknownFields: fields(1) };
    const even = { ...emptyRecord(names), unknownFields: fields(0) };
    const merged = merge(odd, even);
    expect(merged.unknownFields).to.have.lengthOf(255);
    expect(merge(even, odd)).to.deep.equal(merged);
    expect(decodeRecord(encodeRecord(merged))).to.deep.equal(merged);
  });

  it("refuses a field tag that is 0, over 255 or not ascending", () => {
    for (const tags of [[0], [256], [9, 9], [9, 8]]) {
      const unknownFields = tags.map((tag) => ({ tag, bytes: new Uint8Array(0) }));
      for (const record of [
        { ...emptyRecord(names), unknownFields },
        singleSibling({ ...base, unknownFields }, names),
      ]) {
        expect(() => decodeRecord(encodeRecord(record)), String(tags)).to.throw(MalformedBytes, "tag");
      }
    }
  });

  it("keeps the greater of two unknown fields with one tag, whichever side of a merge it is on", () => {
    const having = (byte: number) => ({
      ...emptyRecord(names),
      unknownFields: [{ tag: 7, bytes: new Uint8Array([byte]) }],
    });
    expect(merge(having(1), having(2))).to.deep.equal(having(2));
    expect(merge(having(2), having(1))).to.deep.equal(having(2));
  });

  it("reads a record of more actors than any limit on requests lets one client make", () => {
    const vector = new Map<ActorId, number>();
    for (let i = 0; i < 100_000; i++) vector.set(parseActorId(`${i.toString(16).padStart(16, "0")}#1`), 1);
    const record = { ...emptyRecord(names), coverage: { vector, loose: new Map() } };
    expect(decodeRecord(encodeRecord(record)).coverage.vector.size).to.equal(100_000);
  });

  it("refuses counts that the bytes behind them cannot hold before it keeps anything for them", () => {
    const header = () => new ByteWriter().u8(1).bytes(names.bucket).bytes(names.key);
    const lies = {
      actors: header().varint(2 ** 40),
      "loose dots": header()
        .varint(0)
        .varint(2 ** 40),
      siblings: header()
        .varint(0)
        .varint(0)
        .varint(2 ** 40),
      fields: header()
        .varint(0)
        .varint(0)
        .varint(0)
        .varint(2 ** 40),
    };
    for (const [name, writer] of Object.entries(lies)) {
      expect(() => decodeRecord(writer.finish()), name).to.throw(MalformedBytes);
    }
  });

  it("refuses a record of a later format and says which it reads", () => {
    const bytes = encodeRecord(emptyRecord(names));
    bytes[0] = 2;
    expect(() => decodeRecord(bytes)).to.throw(MalformedBytes, "record format 2 is not 1");
  });

  it("refuses a tombstone with a value, and a sibling whose dot the coverage lacks", () => {
    const tombstone = encodeRecord(
      singleSibling({ ...base, tombstone: true, value: new Uint8Array([1]) }, names),
    );
    expect(() => decodeRecord(tombstone)).to.throw(MalformedBytes, "tombstone");
    const uncovered = { ...emptyRecord(names), siblings: [base] };
    expect(() => decodeRecord(encodeRecord(uncovered))).to.throw(MalformedBytes, "not covered");
  });

  it("refuses siblings that are not ascending by the text of their actor", () => {
    const nine = { ...base, dot: { actor: parseActorId("00000000000000aa#9"), n: 1 } };
    const ten = { ...base, dot: { actor: parseActorId("00000000000000aa#10"), n: 1 } };
    const coverage = withDot(withDot(emptyRecord(names).coverage, nine.dot), ten.dot);
    const inOrder = { ...emptyRecord(names), coverage, siblings: [ten, nine] };
    expect(decodeRecord(encodeRecord(inOrder)).siblings).to.deep.equal([ten, nine]);
    for (const siblings of [
      [nine, ten],
      [ten, ten],
    ]) {
      expect(() => decodeRecord(encodeRecord({ ...inOrder, siblings }))).to.throw(
        MalformedBytes,
        "ascending",
      );
    }
  });
});

const names = { bucket: new Uint8Array([98]), key: new Uint8Array([107]) };
const base: Sibling = {
  dot: { actor: parseActorId("0123456789abcdef#1"), n: 1 },
  tombstone: false,
  value: new Uint8Array(0),
  contentType: "",
  modifiedMs: 0,
  requestId: "",
  expiresAtMs: undefined,
  unknownFields: [],
};

function singleSibling(
  sibling: Sibling,
  { bucket, key }: { bucket: Uint8Array; key: Uint8Array },
): KeyRecord {
  const empty = emptyRecord({ bucket, key });
  return { ...empty, coverage: withDot(empty.coverage, sibling.dot), siblings: [sibling] };
}
