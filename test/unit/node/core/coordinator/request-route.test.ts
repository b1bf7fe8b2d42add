import { expect } from "chai";
import { decodeForwarded, encodeOutcome } from "../../../../../node/core/coordinator/forwarding.ts";
import type { Failure, FailureCode } from "../../../../../node/core/coordinator/requests.ts";
import { FORMED } from "../../../../../node/core/ring/ring-number.ts";
import { membersOf } from "../ring/made-ring.ts";
import { CoordinatorRig, type SentRequest, shownCopy } from "./coordinator-rig.ts";

const written = encodeOutcome({ kind: "written", context: new Uint8Array(0) });

function failed(code: FailureCode, maybeApplied = false): Failure {
  return { kind: "failed", code, message: code, maybeApplied, context: new Uint8Array(0) };
}

function forwards(sent: readonly SentRequest[]): SentRequest[] {
  return sent.filter(({ request }) => request.kind === "forward");
}

function requestIdOf({ request }: SentRequest): string {
  if (request.kind !== "forward") throw new Error(`a ${request.kind} request`);
  return decodeForwarded(request.body).request.requestId;
}

/** The last of seven nodes is asked: three owners, four fallbacks. Requests were answered quickly lately. */
async function rigOutside(): Promise<CoordinatorRig> {
  const rig = new CoordinatorRig({ at: 6, members: membersOf(7) });
  await forwardAnswered(rig);
  return rig;
}

async function forwardAnswered(rig: CoordinatorRig): Promise<void> {
  const request = { kind: "forward", body: new Uint8Array(1), planned: FORMED } as const;
  void rig.calls.call(rig.node(0), request, { timeoutMs: 1_000, lane: "foreground" });
  for (const sent of await rig.sent()) await rig.reply(sent, new Uint8Array(1));
}

describe("request route", () => {
  it("hands a write that its owner is silent about on to the next owner, under the same request id", async () => {
    const rig = await rigOutside();
    const put = rig.put("v");
    const [first] = await rig.sent();
    await rig.advance(39);
    expect(await rig.sent(), "the owner has the hand-on delay").to.deep.equal([]);
    await rig.advance(1);
    const [second] = await rig.sent();
    expect([first!.to, second!.to]).to.deep.equal([rig.node(0), rig.node(1)]);
    expect(requestIdOf(second!)).to.equal(requestIdOf(first!));
    await rig.reply(second!, written);
    expect((await put).kind).to.equal("written");
  });

  it("waits longest before anything was answered: everything is cold then", async () => {
    const rig = new CoordinatorRig({ at: 6, members: membersOf(7) });
    void rig.put("v");
    await rig.advance(74);
    expect(forwards(await rig.sent()).length).to.equal(1);
    await rig.advance(1);
    expect(forwards(await rig.sent()).length).to.equal(1);
  });

  it("takes the first owner's late answer as well as the second one's", async () => {
    const rig = await rigOutside();
    const put = rig.put("v");
    const [first] = await rig.sent();
    await rig.advance(40);
    await rig.sent();
    await rig.reply(first!, written);
    expect((await put).kind).to.equal("written");
  });

  it("coordinates here after two silences, and gives the silent owners' copies to stand-ins at once", async () => {
    const rig = await rigOutside();
    const put = rig.put("v");
    await rig.advance(79);
    await rig.sent();
    await rig.advance(1);
    const replicated = (await rig.sent()).filter(({ request }) => request.kind === "replicate");
    const keptFor = replicated.map(({ to, request }) =>
      request.kind === "replicate" ? [to, ...request.body.keptFor] : [],
    );
    // This node keeps the copy of the first silent owner itself.
    expect(keptFor).to.deep.equal([[rig.node(0)], [rig.node(1)], [rig.node(2)], [rig.node(3), rig.node(1)]]);
    await rig.ack(replicated[3]!);
    expect((await put).kind, "without any owner").to.equal("written");
    expect(rig.nowMs).to.be.below(100);
  });

  it("answers within 500 ms when every owner and a stand-in drop what they get, at the longest delays", async () => {
    const rig = await rigOutside();
    // Answers have been slow lately: all delays are at their bounds.
    const bytes = new Uint8Array(16);
    const limits = { timeoutMs: 60_000, lane: "foreground" } as const;
    const body = { position: bytes, record: bytes, keptFor: [] };
    void rig.calls.call(rig.node(0), { kind: "replicate", body, planned: FORMED }, limits);
    void rig.calls.call(rig.node(0), { kind: "forward", body: bytes, planned: FORMED }, limits);
    const slow = await rig.sent();
    await rig.advance(2_000);
    for (const request of slow) await rig.ack(request);

    const startMs = rig.nowMs;
    let endMs = Infinity;
    void rig.put("v").then(({ kind }) => {
      if (kind === "written") endMs = rig.nowMs;
    });
    const dropping = new Set([0, 1, 2, 3].map((i) => rig.node(i)));
    for (let ms = 0; ms < 600; ms += 5) {
      for (const request of await rig.sent()) {
        if (request.request.kind === "replicate" && !dropping.has(request.to)) await rig.ack(request);
      }
      await rig.advance(5);
    }
    expect(endMs - startMs, "delays were at their bounds").to.be.above(375);
    expect(endMs - startMs).to.be.below(480);
  });

  it("waits longer for an owner that answers others: it is busy, not gone", async () => {
    const rig = await rigOutside();
    void rig.get({ r: 1 });
    void rig.put("v");
    const [get] = await rig.sent();
    await rig.advance(30);
    await rig.reply(get!, encodeOutcome(failed("quorum_unreachable")));
    await rig.advance(35);
    expect(forwards(await rig.sent()), "40 ms have passed").to.deep.equal([]);
    await rig.advance(20);
    expect(forwards(await rig.sent()).map(({ to }) => to)).to.deep.equal([rig.node(1)]);
  });

  it("asks for a sign of life before it calls an owner silent, and waits while there is one, up to 900 ms", async () => {
    const rig = await rigOutside();
    const bytes = new Uint8Array(16);
    void rig.put("v");
    await rig.sent();
    await rig.advance(25);
    expect(rig.probed).to.deep.equal([rig.node(0)]);
    for (let ms = 25; ms < 885; ms += 20) {
      const body = { position: bytes, record: bytes, keptFor: [] };
      void rig.calls.call(
        rig.node(0),
        { kind: "replicate", body, planned: FORMED },
        { timeoutMs: 60_000, lane: "foreground" },
      );
      const asked = await rig.sent();
      expect(forwards(asked), `after ${ms} ms`).to.deep.equal([]);
      await rig.ack(asked[0]!);
      await rig.advance(20);
    }
    expect(rig.probed.length, "it has answered others since").to.be.below(3);
    await rig.advance(60);
    expect(forwards(await rig.sent()).map(({ to }) => to)).to.deep.equal([rig.node(1)]);
  });

  it("asks for no sign of life for a get, which may be done twice", async () => {
    const rig = await rigOutside();
    void rig.get({ r: 1 });
    await rig.advance(39);
    expect(rig.probed).to.deep.equal([]);
  });

  it("asks slow owners after the others", async () => {
    const rig = await rigOutside();
    rig.slow.add(rig.node(0));
    void rig.put("v");
    expect((await rig.sent())[0]!.to).to.equal(rig.node(1));
  });

  it("goes on at once where an owner is lost or its window is full", async () => {
    const rig = await rigOutside();
    rig.full.add(rig.node(0));
    const put = rig.put("v");
    const [second] = await rig.sent();
    expect(second!.to).to.equal(rig.node(1));
    rig.calls.disconnected(rig.node(1));
    const [third] = await rig.sent();
    expect(third!.to).to.equal(rig.node(2));
    await rig.reply(third!, written);
    expect((await put).kind).to.equal("written");
  });

  it("fails only when all have failed, and knows that a lost node may have applied the write", async () => {
    const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
    await forwardAnswered(rig);
    rig.unreachable.add(rig.node(2)).add(rig.node(3));
    const readOnly = { ok: false, code: "read_only", message: "the disk is full" } as const;
    rig.ownWrite = () => ({ merged: Promise.resolve(readOnly), durable: Promise.resolve(readOnly) });
    const put = rig.put("v");
    const [first] = await rig.sent();
    await rig.advance(40);
    const [second] = await rig.sent();
    await rig.reply(second!, encodeOutcome(failed("read_only")));
    rig.calls.disconnected(first!.to);
    expect(await put).to.include({ code: "coordinator_lost", maybeApplied: true });
  });

  it("does not call a write refused that a silent owner may be applying", async () => {
    const rig = await rigOutside();
    const put = rig.put("v");
    await rig.sent();
    await rig.advance(40);
    const [second] = await rig.sent();
    await rig.reply(second!, encodeOutcome(failed("too_many_siblings")));
    expect(await put).to.include({ code: "too_many_siblings", maybeApplied: true });
  });

  it("nor one that another owner began and could not end: the first to refuse it answered last", async () => {
    const rig = await rigOutside();
    const put = rig.put("v");
    const [first] = await rig.sent();
    await rig.advance(40);
    const [second] = await rig.sent();
    await rig.reply(second!, encodeOutcome(failed("quorum_unreachable", true)));
    await rig.reply(first!, encodeOutcome(failed("too_many_siblings")));
    expect(await put).to.include({ code: "too_many_siblings", maybeApplied: true });
  });

  it("hands a get on like a put, and reads the replicas itself after two silences", async () => {
    const rig = await rigOutside();
    const get = rig.get({ r: 1 });
    await rig.advance(40);
    expect(forwards(await rig.sent()).map(({ to }) => to)).to.deep.equal([rig.node(0), rig.node(1)]);
    await rig.advance(40);
    const [read] = await rig.sent();
    expect(read!.to, "not one of those that are silent").to.equal(rig.node(2));
    await rig.show(read!, shownCopy({ text: "v" }, "record"));
    expect(await get).to.include({ kind: "read", ownersAnswered: 1 });
  });

  it("reads before it hands a delete on, so that no second coordinator deletes what came meanwhile", async () => {
    const rig = await rigOutside();
    void rig.delete("d", { r: 1 });
    const [read] = await rig.sent();
    expect(read!.request.kind).to.equal("read");
    await rig.show(read!, shownCopy({ text: "v" }, "record"));
    const [first] = await rig.sent();
    await rig.advance(40);
    const [second] = await rig.sent();
    for (const sent of [first!, second!]) {
      if (sent.request.kind !== "forward") throw new Error("not forwarded");
      const { operation, request } = decodeForwarded(sent.request.body);
      expect(operation).to.equal("delete");
      expect(operation === "delete" && request.context?.length).to.be.above(0);
    }
  });
});
