import { expect } from "chai";
import type { AdminClient } from "../../../../client/admin-client.ts";
import { DynamoError } from "../../../../client/dynamo-error.ts";
import { beginPlanned, cancelChange, watchChange } from "../../../../client/ring/ring-change.ts";
import { latestRing } from "../../../../client/ring/latest-ring.ts";
import type { AdminRing } from "../../../../node/contract/admin-types.ts";
import type { RingPlan } from "../../../../node/contract/ring-change-types.ts";

/** Several admin ports are named, and those that are asked first are in trouble: cut off, silent, or without their ring store. */
type Answers = Partial<Record<keyof AdminClient, () => unknown>>;

function admin(answers: Answers): AdminClient {
  const calls = Object.entries(answers).map(([name, answer]) => [name, async () => answer()]);
  return Object.fromEntries(calls) as AdminClient;
}

function silent(): never {
  throw new DynamoError("timed out", { code: "timeout", retriable: true });
}

function refused(status: number, code: string): () => never {
  return () => {
    throw new DynamoError(`said ${code}`, { code, status, retriable: status === 503 });
  };
}

function ringOf(epoch: number, given: Partial<AdminRing> = {}): AdminRing {
  const members = ["a", "b", "c"].map((id) => ({ id, zone: "", state: "active" as const }));
  return { generation: 0, epoch, hash: `hash ${epoch}`, members, change: null, ...given } as AdminRing;
}

const joining = ringOf(6, {
  members: [...ringOf(6).members, { id: "j", zone: "", state: "joining" }],
  change: { changeId: "c1", type: "join", phase: "transfer" },
});
const joined = ringOf(8, { members: [...ringOf(8).members, { id: "j", zone: "", state: "active" }] });
const plan = { type: "join", generation: 0, epoch: 5, joining: ["j"], leaving: [] } as unknown as RingPlan;
const made = { changeId: "c1", generation: 0, epoch: 6, hash: "hash 6" };

/** An admin whose answer to the cancel is lost, and another that then finds no change; each shows `before` until that, then `after`. */
function losingCancel(before: AdminRing, after: AdminRing): readonly AdminClient[] {
  let isLost = false;
  const ring = (): AdminRing => (isLost ? after : before);
  const cancelRingChange = (): never => {
    isLost = true;
    return silent();
  };
  return [admin({ cancelRingChange, ring }), admin({ cancelRingChange: refused(409, "no_change"), ring })];
}

async function codeOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => "no error",
    (error: unknown) => (error as DynamoError).code,
  );
}

describe("a ring change from outside", () => {
  it("is begun by another member where the first can have nothing decided", async () => {
    const admins = [
      admin({ beginRingChange: refused(503, "undecided") }),
      admin({ beginRingChange: () => made }),
    ];
    expect(await beginPlanned(admins, plan, "c1")).to.deep.equal(made);
  });

  it("has begun where the ring shows it, though the first that was asked went silent", async () => {
    const admins = [
      admin({ beginRingChange: silent, ring: silent }),
      admin({ beginRingChange: refused(409, "epoch_passed"), ring: () => joined }),
    ];
    expect(await beginPlanned(admins, plan, "c1")).to.deep.include({ changeId: "c1", epoch: 8 });
  });

  it("has not where somebody else was first, or nobody may have begun it", async () => {
    const refusing = { beginRingChange: refused(409, "epoch_passed") };
    const elsewhere = [
      admin({ beginRingChange: silent, ring: silent }),
      admin({ ...refusing, ring: () => ringOf(6) }),
    ];
    expect(await codeOf(beginPlanned(elsewhere, plan, "c1"))).to.equal("epoch_passed");
    const atOnce = [admin({ ...refusing, ring: () => joined })];
    expect(await codeOf(beginPlanned(atOnce, plan, "c1"))).to.equal("epoch_passed");
  });

  it("is watched by the latest ring, not by the first that answers", async () => {
    const behind = admin({
      ring: () => joining,
      ringChangeProgress: () => ({ changeId: "c1", phase: "transfer" }),
    });
    const shown: unknown[] = [];
    const end = await watchChange([behind, admin({ ring: () => joined })], {
      changeId: "c1",
      joining: ["j"],
      leaving: [],
      epoch: 6,
      onProgress: (progress) => shown.push(progress),
      onTrouble: (message) => shown.push(message),
    });
    expect([end.kind, end.ring.epoch, shown]).to.deep.equal(["done", 8, []]);
  });

  it("is cancelled where the ring shows that it is, though the answer was lost", async () => {
    const cancelled = await cancelChange(losingCancel(joining, ringOf(7)), "c1");
    expect(cancelled).to.deep.include({ changeId: "c1", epoch: 7 });
  });

  it("is not cancelled by the word of a node that has not heard of it yet", async () => {
    let asked = 0;
    const gone = (): never => {
      asked++;
      return silent();
    };
    const first = admin({ cancelRingChange: gone, ring: () => (asked === 0 ? joining : silent()) });
    const second = admin({
      cancelRingChange: refused(409, "no_change"),
      ring: () => (asked < 3 ? ringOf(5) : ringOf(7)),
    });
    expect(await cancelChange([first, second], "c1")).to.deep.include({ epoch: 7 });
    expect(asked).to.equal(3);
  });

  it("is cancelled though nodes that are behind know of no change", async () => {
    const behind = admin({ cancelRingChange: refused(409, "no_change"), ring: () => ringOf(5) });
    const done = { ...made, epoch: 7 };
    const sure = admin({ cancelRingChange: () => done, ring: () => joining });
    expect(await cancelChange([behind, sure], "c1")).to.deep.equal(done);
    let asked = 0;
    const slow = (): typeof done => (++asked === 1 ? refused(503, "undecided")() : done);
    expect(
      await cancelChange([behind, admin({ cancelRingChange: slow, ring: () => joining })], "c1"),
    ).to.deep.equal(done);
    expect(asked).to.equal(2);
  });

  it("is not cancelled where it ended instead, or nothing was under way", async () => {
    expect(await codeOf(cancelChange(losingCancel(joining, joined), "c1"))).to.equal("no_change");
    const idle = [admin({ cancelRingChange: refused(409, "no_change"), ring: () => ringOf(7) })];
    expect(await codeOf(cancelChange(idle, "c1"))).to.equal("no_change");
  });
});

describe("the latest ring that is served", () => {
  it("is that of the highest generation, then epoch, whoever else is silent or in no ring", async () => {
    const admins = [
      admin({ ring: silent }),
      admin({ ring: () => ringOf(9) }),
      admin({ ring: () => ringOf(2, { generation: 1 }) }),
      admin({ ring: refused(409, "no_ring") }),
    ];
    expect((await latestRing(admins, 1_000)).ring).to.include({ generation: 1, epoch: 2 });
  });

  it("waits for nobody that stays silent once another has answered, and for the first answer in any case", async () => {
    const later = admin({ ring: () => new Promise((resolve) => setTimeout(resolve, 30, ringOf(3))) });
    const never = admin({ ring: () => new Promise(() => undefined) });
    expect((await latestRing([never, admin({ ring: () => ringOf(2) })], 5)).ring.epoch).to.equal(2);
    expect((await latestRing([never, later], 5)).ring.epoch).to.equal(3);
  });

  it("is refused as the one did that may answer later", async () => {
    const admins = [admin({ ring: silent }), admin({ ring: refused(409, "no_ring") })];
    expect(await codeOf(latestRing(admins, 1_000))).to.equal("timeout");
    expect(await codeOf(latestRing([], 1_000))).to.equal("invalid_argument");
  });
});
