import { expect } from "chai";
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
} from "../../../../../node/core/coordinator/forwarding.ts";
import { type Failure, type FailureCode } from "../../../../../node/core/coordinator/requests.ts";
import { membersOf } from "../ring/made-ring.ts";
import { CART, CoordinatorRig, type SentRequest } from "./coordinator-rig.ts";

function failed(code: FailureCode, maybeApplied = false): Failure {
  return { kind: "failed", code, message: code, maybeApplied, context: new Uint8Array(0) };
}

function forwarded({ request }: SentRequest) {
  if (request.kind !== "forward") throw new Error(`a ${request.kind} request`);
  return decodeForwarded(request.body);
}

function forwardBody({ request }: SentRequest): Uint8Array {
  if (request.kind !== "forward") throw new Error(`a ${request.kind} request`);
  return request.body;
}

describe("coordinator", () => {
  it("hands a write on to the next owner where one fails for reasons of its own", async () => {
    for (const code of ["read_only", "storage_failed", "overloaded", "no_ring"] as const) {
      const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
      const put = rig.put("v");
      const [first] = await rig.sent();
      await rig.reply(first!, encodeOutcome(failed(code)));
      const [second] = await rig.sent();
      expect([first!.to, second?.to], code).to.deep.equal([rig.node(0), rig.node(1)]);
      await rig.reply(second!, encodeOutcome({ kind: "written", context: new Uint8Array(0) }));
      expect((await put).kind).to.equal("written");
    }
  });

  it("hands a write on to nobody once it may be applied, or where another node would fail alike", async () => {
    for (const outcome of [failed("storage_failed", true), failed("too_many_siblings")]) {
      const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
      const put = rig.put("v");
      const [first] = await rig.sent();
      await rig.reply(first!, encodeOutcome(outcome));
      expect(await put).to.deep.equal(outcome);
      expect(await rig.sent()).to.deep.equal([]);
    }
  });

  it("leaves a write to a stand-in where the only owner in reach cannot take it", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    const refused = { ok: false, code: "read_only", message: "the disk is full" } as const;
    rig.ownWrite = () => ({ merged: Promise.resolve(refused), durable: Promise.resolve(refused) });
    void rig.put("v");
    const [sent] = await rig.sent();
    expect(sent).to.include({ to: rig.node(3) });
    expect(forwarded(sent!).operation).to.equal("put");
  });

  it("gives a forwarded request less time than it has, so that a late outcome still travels back", async () => {
    const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
    const put = rig.put("v", { timeoutMs: 1_000 });
    const [sent] = await rig.sent();
    expect(forwarded(sent!).request.options.timeoutMs).to.equal(950);
    await rig.advance(951);
    await rig.reply(sent!, encodeOutcome(failed("too_many_siblings")));
    expect(await put).to.include({ code: "too_many_siblings" });
  });

  it("refuses what it was handed too late: its sender has gone on to another node", async () => {
    const asked = new CoordinatorRig({ at: 4, members: membersOf(5) });
    void asked.put("v");
    const [sent] = await asked.sent();
    const owner = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const from = asked.self;
    owner.coordinator.heard(from, asked.nowMs);
    await owner.advance(10_000);
    const late = decodeOutcome(await owner.accept(from, forwardBody(sent!)));
    expect(late).to.include({ code: "overloaded", maybeApplied: false });
    expect(await owner.sent(), "nothing was written").to.deep.equal([]);

    await asked.advance(10_000);
    void asked.put("w");
    const inTime = (await asked.sent()).filter(({ request }) => request.kind === "forward").at(-1)!;
    void owner.accept(from, forwardBody(inTime));
    expect((await owner.sent()).length).to.equal(2);
  });

  it("begins a get that comes late, within the time that its sender gave it, and no later", async () => {
    for (const { lateMs, isBegun } of [
      { lateMs: 100, isBegun: true },
      { lateMs: 949, isBegun: true },
      { lateMs: 950, isBegun: false },
    ]) {
      const owner = new CoordinatorRig({ at: 0, members: membersOf(5) });
      const from = owner.node(4);
      owner.coordinator.heard(from, 0);
      await owner.advance(lateMs);
      const options = { r: undefined, w: undefined, pr: undefined, pw: undefined, timeoutMs: 950 };
      const get = { operation: "get", request: { ...CART, requestId: "get", options } } as const;
      const body = encodeForwarded(get, { sentAtMs: 0, beginWithinMs: 75 });
      const answer = owner.accept(from, body);
      expect((await owner.sent()).length, `${lateMs} ms late`).to.equal(isBegun ? 1 : 0);
      await owner.advance(950 - lateMs);
      const code = isBegun ? "quorum_unreachable" : "overloaded";
      expect(decodeOutcome(await answer), `${lateMs} ms late`).to.include({ code });
    }
  });

  it("gives a write that it was handed 600 ms from its sending to be begun, and its own no such time", async () => {
    const asked = new CoordinatorRig({ at: 4, members: membersOf(5) });
    void asked.put("v");
    const [sent] = await asked.sent();
    const owner = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const limits: (number | undefined)[] = [];
    const { ownWrite } = owner;
    owner.ownWrite = (write) => {
      limits.push(write.mintBeforeMs);
      return ownWrite(write);
    };
    owner.coordinator.heard(asked.self, asked.nowMs);
    await owner.advance(30);
    void owner.accept(asked.self, forwardBody(sent!));
    void owner.put("w");
    expect(limits).to.deep.equal([600, undefined]);
  });

  it("hands a write on that the disk let in too late: it is certainly not begun", async () => {
    const owner = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const late = { ok: false, code: "too_late", message: "too late" } as const;
    owner.ownWrite = () => ({ merged: Promise.resolve(late), durable: Promise.resolve(late) });
    const asked = new CoordinatorRig({ at: 4, members: membersOf(5) });
    const put = asked.put("v");
    const [sent] = await asked.sent();
    const answer = await owner.accept(asked.self, forwardBody(sent!));
    expect(decodeOutcome(answer)).to.include({ code: "overloaded", maybeApplied: false });
    await asked.reply(sent!, answer);
    const [next] = await asked.sent();
    expect(next).to.include({ to: asked.node(1) });
    await asked.reply(next!, encodeOutcome({ kind: "written", context: new Uint8Array(1) }));
    expect((await put).kind).to.equal("written");
  });

  it("does not call a peer late whose clock began anew", async () => {
    const owner = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const from = owner.node(4);
    owner.coordinator.heard(from, 1_000_000);
    owner.coordinator.disconnected(from);
    const asked = new CoordinatorRig({ at: 4, members: membersOf(5) });
    void asked.put("v");
    const [sent] = await asked.sent();
    void owner.accept(from, forwardBody(sent!));
    expect((await owner.sent()).length).to.equal(2);
  });

  it("does not know what became of a write that the storage thread took with it", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const lost = { ok: false, code: "storage_lost", message: "the writer crashed" } as const;
    rig.ownWrite = () => ({ merged: Promise.resolve(lost), durable: Promise.resolve(lost) });
    expect(await rig.put("v")).to.include({ code: "storage_failed", maybeApplied: true });
    expect(await rig.sent()).to.deep.equal([]);
  });

  it("hands coordination on where writes wait too long for the disk, and refuses what it was handed", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.oldestWriteMs = 60_000;
    void rig.put("v");
    const [sent] = await rig.sent();
    expect(sent).to.include({ to: rig.node(1) });
    const refused = decodeOutcome(await rig.accept(rig.node(4), forwardBody(sent!)));
    expect(refused).to.include({ code: "overloaded", maybeApplied: false });
  });
});
