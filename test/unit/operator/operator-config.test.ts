import { expect } from "chai";
import { isPredecessor, parseOperatorConfig } from "../../../operator/operator-config.ts";

const ENOUGH = { DYNAMO_OPERATOR_NAMESPACE: "dynamokv", DYNAMO_OPERATOR_IMAGE: "example/dynamokv:1" };

function configOf(env: Record<string, string> = {}) {
  const parsed = parseOperatorConfig({ ...ENOUGH, ...env });
  if (!parsed.ok) throw new Error(parsed.problems.join());
  return parsed.config;
}

describe("operator: its environment", () => {
  it("needs a namespace and an image, and says all that is wrong at once", () => {
    const parsed = parseOperatorConfig({ DYNAMO_LOG_LEVEL: "loud", DYNAMO_OPERATOR_HEALTH_PORT: "x" });
    expect(parsed).to.have.property("problems").that.has.length(4);
  });

  it("gives each process an identity of its own", () => {
    expect(configOf().identity).not.to.equal(configOf().identity);
  });

  it("knows an earlier process of the same pod, and nobody else", () => {
    const env = { DYNAMO_OPERATOR_POD: "operator-abc" };
    const config = configOf(env);
    expect(isPredecessor(config, configOf(env).identity)).to.equal(true);
    expect(isPredecessor(config, config.identity)).to.equal(false);
    expect(isPredecessor(config, configOf({ DYNAMO_OPERATOR_POD: "operator-abcd" }).identity)).to.equal(
      false,
    );
    expect(isPredecessor(configOf(), configOf().identity)).to.equal(false);
  });
});
