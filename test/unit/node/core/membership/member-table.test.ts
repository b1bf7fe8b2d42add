import { expect } from "chai";
import fc from "fast-check";
import {
  compareStamps,
  type MemberEntry,
  parseEntry,
  stampOf,
} from "../../../../../node/core/membership/member-entry.ts";
import { MemberTable, STRANGERS_MAX } from "../../../../../node/core/membership/member-table.ts";
import { CHANGED_NODES_MAX } from "../../../../../node/core/ring/change/change-request.ts";
import { nodeId } from "../ring/made-ring.ts";
import { aboutNode, entryOf, tableOf } from "./member-entries.ts";

/** One push-pull: both end with the later entry of everybody. */
function pushPull(a: MemberTable, b: MemberTable): void {
  const { news, wanted } = b.compare(a.stamps());
  a.merge(news);
  b.merge(wanted.map((id) => a.get(id)!));
}

function sorted(table: MemberTable): MemberEntry[] {
  return table.entries().sort((x, y) => (x.id < y.id ? -1 : 1));
}

describe("member table", () => {
  it("numbers a change of what this node says, and nothing else", () => {
    const table = tableOf(0, { incarnation: 1_700_000_000_123.7 });
    expect(table.own()).to.include({ incarnation: 1_700_000_000_123, version: 1 });
    table.describeSelf(aboutNode(0));
    expect(table.own().version).to.equal(1);
    table.describeSelf(aboutNode(0, { down: [nodeId(3)] }));
    expect(table.own()).to.deep.include({ version: 2, down: [nodeId(3)] });
  });

  it("knows a node that comes back elsewhere as the same node at another address", () => {
    const table = tableOf(0);
    table.merge([entryOf(1, { incarnation: 5, address: "10.0.0.1:7080" })]);
    table.merge([entryOf(1, { incarnation: 9, address: "10.9.9.9:7080" })]);
    expect(table.entries()).to.have.lengthOf(2);
    expect(table.get(nodeId(1))).to.include({ address: "10.9.9.9:7080", incarnation: 9 });
  });

  it("never takes over what others say of this node, and goes above it where they remember more", () => {
    const table = tableOf(0, { incarnation: 50 });
    const hearsay = entryOf(0, { incarnation: 70, version: 12, address: "6.6.6.6:6", down: [nodeId(4)] });
    expect(table.merge([hearsay])).to.deep.equal([]);
    expect(table.own()).to.deep.equal({ ...entryOf(0), incarnation: 71 });
    const { wanted } = table.compare([[nodeId(0), 90, 1]]);
    expect(wanted).to.deep.equal([]);
    expect(table.own().incarnation).to.equal(91);
    table.compare([[nodeId(0), 91, 1]]);
    expect(table.own().incarnation, "what it said itself does not move it").to.equal(91);
  });

  it("still speaks where a broken peer claims the greatest incarnation there is", () => {
    const [table, witness] = [tableOf(0), tableOf(1)];
    table.compare([[nodeId(0), 2 ** 52, 1]]);
    expect(parseEntry(table.own())).to.deep.equal(table.own());
    pushPull(table, witness);
    expect(witness.get(nodeId(0))).to.deep.equal(table.own());
  });

  it("replaces what a former process of this node said, also if that process's clock was ahead", () => {
    const before = tableOf(0, { incarnation: 9_000 });
    const witness = tableOf(1);
    pushPull(before, witness);
    const after = new MemberTable(
      { self: nodeId(0), incarnation: 500, isMember: () => true },
      aboutNode(0, { address: "10.7.7.7:7080" }),
    );
    pushPull(after, witness);
    pushPull(after, witness);
    expect(witness.get(nodeId(0))).to.include({ address: "10.7.7.7:7080", incarnation: 9_001 });
  });

  it("lets an older entry never win, in whatever order entries come", () => {
    const states = fc.array(
      fc.record({ incarnation: fc.integer({ min: 1, max: 4 }), version: fc.integer({ min: 1, max: 4 }) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(states, (order) => {
        const table = tableOf(0);
        let greatest: MemberEntry | undefined;
        for (const state of order) {
          const entry = entryOf(1, { ...state, zone: `${state.incarnation}.${state.version}` });
          table.merge([entry]);
          if (greatest === undefined || compareStamps(stampOf(entry), stampOf(greatest)) > 0)
            greatest = entry;
          expect(table.get(nodeId(1))).to.deep.equal(greatest);
        }
      }),
    );
  });

  it("is the same everywhere once everything was exchanged, whatever happened on the way", () => {
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom("meet", "meet", "change", "restart"),
        a: fc.integer({ min: 0, max: 4 }),
        b: fc.integer({ min: 0, max: 4 }),
        incarnation: fc.integer({ min: 1, max: 20 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (order) => {
        const tables = [0, 1, 2, 3, 4].map((n) => tableOf(n));
        order.forEach(({ kind, a, b, incarnation }, step) => {
          if (kind === "meet" && a !== b) pushPull(tables[a]!, tables[b]!);
          if (kind === "change") tables[a]!.describeSelf(aboutNode(a, { zone: `step ${step}` }));
          // Of a clock that may have gone back, but never to the same moment.
          if (kind === "restart") tables[a] = tableOf(a, { incarnation: 100 * incarnation + step });
        });
        for (let round = 0; round < 3; round++)
          for (const a of tables) for (const b of tables) if (a !== b) pushPull(a, b);
        for (const table of tables) {
          expect(sorted(table)).to.deep.equal(sorted(tables[0]!));
          expect(table.get(table.own().id)).to.deep.equal(table.own());
        }
      }),
      { numRuns: 200 },
    );
  });

  it("carries a change to 100 nodes within 12 rounds of each gossiping with one at random", function () {
    this.timeout(20_000);
    const nodes = 100;
    let worst = 0;
    for (let seed = 1; seed <= 20; seed++) {
      let state = seed;
      const below = (limit: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.floor((state / 2 ** 32) * limit);
      };
      const tables = Array.from({ length: nodes }, (_, n) => tableOf(n));
      for (const a of tables) a.merge(tables.map((b) => b.own()));
      tables[7]!.describeSelf(aboutNode(7, { condition: "draining" }));
      let rounds = 0;
      const knowing = (): number =>
        tables.filter((table) => table.get(nodeId(7))?.condition === "draining").length;
      while (knowing() < nodes && rounds < 100) {
        rounds += 1;
        tables.forEach((table, n) => pushPull(table, tables[(n + 1 + below(nodes - 1)) % nodes]!));
      }
      worst = Math.max(worst, rounds);
    }
    expect(worst).to.be.within(4, 12);
  });

  it("keeps every member, and of the others only the latest to start", () => {
    const table = tableOf(0, { isMember: (id) => id < nodeId(10) });
    const members = Array.from({ length: 9 }, (_, i) => entryOf(i + 1));
    const strangers = Array.from({ length: STRANGERS_MAX + 20 }, (_, i) =>
      entryOf(100 + i, { incarnation: 1_000 + i }),
    );
    table.merge([...strangers, ...members]);
    table.merge(strangers);
    const ids = table.entries().map(({ id }) => id);
    expect(ids).to.have.lengthOf(1 + members.length + STRANGERS_MAX);
    expect(ids).to.include(members[8]!.id).and.to.include(strangers.at(-1)!.id);
    expect(ids).to.not.include(strangers[0]!.id);
    expect(table.compare([stampOf(strangers[0]!)]).wanted, "nor asks for it again").to.deep.equal([]);
  });
});

describe("room in a member table", () => {
  it("is there for as many nodes as one change of the ring can name", () => {
    expect(STRANGERS_MAX).to.be.at.least(CHANGED_NODES_MAX);
  });
});

describe("member entry", () => {
  it("is refused where a field is missing, too long or of another type", () => {
    expect(parseEntry(entryOf(1))).to.deep.equal(entryOf(1));
    const broken = [
      undefined,
      7,
      { ...entryOf(1), id: "node-1" },
      { ...entryOf(1), incarnation: -1 },
      { ...entryOf(1), incarnation: 1.5 },
      { ...entryOf(1), version: 2 ** 52 + 1 },
      { ...entryOf(1), address: 9 },
      { ...entryOf(1), zone: "z".repeat(257) },
      { ...entryOf(1), down: "everybody" },
      { ...entryOf(1), down: ["x"] },
      { ...entryOf(1), down: new Array(33).fill(nodeId(2)) },
      { ...entryOf(1), later: "x".repeat(4_096) },
    ];
    for (const value of broken) expect(parseEntry(value), JSON.stringify(value)).to.equal(undefined);
  });

  it("keeps what a newer release says beside it, on its way through an older one", () => {
    const table = tableOf(0);
    const newer = { ...entryOf(1), features: ["later"] };
    table.merge([parseEntry(JSON.parse(JSON.stringify(newer)))!]);
    expect(table.get(nodeId(1))).to.deep.equal(newer);
  });
});
