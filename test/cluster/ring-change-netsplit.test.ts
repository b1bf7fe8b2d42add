import { expect } from "chai";
import { rmSync } from "node:fs";
import { DynamoError } from "../../client/dynamo-error.ts";
import { readBack } from "./faults/workload.ts";
import { type Asked, ChangingCluster } from "./changing-cluster.ts";
import type { FaultNode } from "./faults/fault-node.ts";
import { deleteRing } from "./faults/node-disks.ts";
import { between } from "./faults/packet-filter.ts";
import { ringOf } from "./faults/ring-change-load.ts";

/**
 * One ring, whatever happens: a netsplit in the middle of a change, two changes asked for at once, changes asked for on both
 * sides of a netsplit, a ring store that is lost, and most members lost for good.
 */
const SPLIT_MS = 6_000;

async function refusalOf(call: Promise<unknown>): Promise<DynamoError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof DynamoError) return error;
    throw error;
  }
}

describe("cluster: one ring, through netsplits, rivals and losses: N=3 W=2 R=2", function () {
  this.timeout(300_000);
  const changing = new ChangingCluster();
  const { cluster } = changing;
  const [, , , fourth, fifth] = changing.nodes as [FaultNode, FaultNode, FaultNode, FaultNode, FaultNode];

  before(() => changing.start());
  afterEach(() => cluster.network.heal());
  after(() => changing.remove());

  function cut(few: readonly FaultNode[]): Promise<void> {
    const many = changing.nodes.filter((node) => !few.includes(node));
    return cluster.network.cut(
      between(
        few.map(({ host }) => host),
        many.map(({ host }) => host),
      ),
      "drop",
    );
  }

  async function expectOneRing(members: readonly FaultNode[]): Promise<void> {
    await changing.untilSettled(members);
    await changing.until("all members serve the same ring", async () => {
      const hashes = await Promise.all(members.map(async (node) => (await ringOf(node))?.hash));
      return new Set(hashes).size === 1 && hashes[0] !== undefined;
    });
  }

  it("a netsplit cuts off a node while it joins, and a member with it: the change goes on when it has healed", async () => {
    const members = await changing.members();
    await changing.ask(members[0]!, { type: "join", joining: [fourth] });
    await changing.untilMoment("moving", members[0]!);
    await cut([fourth, members[2]!]);
    await new Promise((resolve) => setTimeout(resolve, SPLIT_MS));
    expect((await changing.ring()).change).to.not.equal(null);
    await cluster.network.heal();
    await expectOneRing([...members, fourth]);
  });

  it("of two changes asked of two nodes at once one begins, and the other is answered 409 with the ring", async () => {
    const members = await changing.members();
    const { epoch } = await changing.ring();
    const join: Asked = { type: "join", joining: [fifth] };
    const leave: Asked = { type: "leave", leaving: [fourth] };
    const refusals = await Promise.all([
      refusalOf(changing.askOn(members[0]!, join, epoch)),
      refusalOf(changing.askOn(members[1]!, leave, epoch)),
    ]);
    const [refusal, ...more] = refusals.filter((each) => each !== undefined);
    expect(more).to.deep.equal([]);
    expect(refusal?.status).to.equal(409);
    expect(["overtaken", "change_under_way", "epoch_passed"]).to.include(refusal?.code);
    const stays = members.filter((node) => node !== fourth);
    await expectOneRing(refusals[0] === undefined ? [...members, fifth] : stays);
    if (refusals[0] === undefined) {
      await changing.ask(members[0]!, leave);
      await expectOneRing([...stays, fifth]);
      await changing.untilEmpty(fourth);
      await changing.ask(members[0]!, { type: "join", joining: [fourth] });
    } else {
      await changing.untilEmpty(fourth);
      await changing.ask(stays[0]!, { type: "join", joining: [fourth, fifth] });
    }
    await expectOneRing(changing.nodes);
  });

  it("changes asked for on both sides of a netsplit: the fewer cannot decide, and do not later", async () => {
    const members = await changing.members();
    const [few, many] = [members.slice(0, 2), members.slice(2)];
    const { epoch } = await changing.ring();
    await cut(few);
    const theirs: Asked = { type: "leave", leaving: [few[1]!] };
    const ours: Asked = { type: "leave", leaving: [many[2]!] };
    const [lost, won] = await Promise.all([
      refusalOf(changing.askOn(few[0]!, theirs, epoch)),
      refusalOf(changing.askOn(many[0]!, ours, epoch)),
    ]);
    expect([lost?.status, lost?.code]).to.deep.equal([503, "undecided"]);
    expect(won?.message).to.equal(undefined);
    expect((await ringOf(few[0]!))?.epoch).to.equal(epoch);
    await cluster.network.heal();
    await expectOneRing(members.filter((node) => node !== many[2]));
    await changing.untilEmpty(many[2]!);
  });

  it("a node that lost its ring store has no vote until the others admit it, and then takes part again", async () => {
    const members = await changing.members();
    const { epoch, members: listed } = await changing.ring();
    const victim = members[0]!;
    await victim.end("SIGKILL");
    deleteRing(victim);
    await victim.start();
    await expectOneRing(members);
    expect((await changing.ring()).members.length).to.equal(listed.length);
    const leaving = members.at(-1)!;
    const leave = (): Promise<unknown> => changing.ask(victim, { type: "leave", leaving: [leaving] });
    await changing.until("the ring lists its new store, so that it may propose", async () => {
      const refusal = await refusalOf(leave());
      if (refusal !== undefined) expect([refusal.status, refusal.code]).to.deep.equal([503, "undecided"]);
      return refusal === undefined;
    });
    // Its admission, and the begin.
    expect((await changing.ring()).epoch).to.be.at.least(epoch + 2);
    await expectOneRing(members.filter((node) => node !== leaving));
  });

  it("so far every acknowledged write is there, and copies are equal and where they belong", async () => {
    await changing.expectWhole();
  });

  it("with most members lost for good the survivor goes on, grows again, and whoever comes back does not rule", async () => {
    const members = await changing.members();
    expect(members).to.have.length(3);
    const [survivor, back, gone] = members as [FaultNode, FaultNode, FaultNode];
    const spares = changing.nodes.filter((node) => !members.includes(node));
    const { generation, epoch } = await changing.ring();
    for (const node of spares) await changing.untilEmpty(node);
    await Promise.all([back.end("SIGKILL"), gone.end("SIGKILL")]);
    rmSync(gone.dataDirectory, { recursive: true });
    const refused = await refusalOf(changing.ask(survivor, { type: "join", joining: spares }));
    expect([refused?.status, refused?.code]).to.deep.equal([503, "undecided"]);
    const survivors = changing.idsOf([survivor]);
    const recovered = await changing.admin(survivor).recoverRing({ survivors, generation, epoch });
    expect(recovered.generation).to.equal(generation + 1);
    await changing.ask(survivor, { type: "join", joining: spares });
    await expectOneRing([survivor, ...spares]);
    await back.start();
    await changing.until(
      "it says that it is no member",
      async () => (await cluster.status(back)).state === "left",
    );
    expect((await changing.ring()).generation).to.equal(generation + 1);
    const endpoints = [survivor, ...spares].map(({ client }) => `http://${client}`);
    expect(await readBack(changing.load.history, endpoints)).to.deep.equal([]);
  });
});
