import { expect } from "chai";
import { Registry } from "prom-client";

import { MetricReadings } from "../../../../node/adapters/prometheus-reading.ts";

describe("metrics that are looked up", () => {
  it("show at each scrape what is read then, as gauges and as counters", async () => {
    const registry = new Registry();
    const readings = new MetricReadings(registry);
    let value = 1;
    readings.gauge("a_bytes", "A gauge.", () => value);
    readings.total("b_total", "A counter.", () => value * 10);
    expect(await registry.metrics())
      .to.contain("a_bytes 1\n")
      .and.to.contain("b_total 10\n");
    value = 2;
    const text = await registry.metrics();
    expect(text).to.contain("# TYPE a_bytes gauge").and.to.contain("a_bytes 2\n");
    expect(text).to.contain("# TYPE b_total counter").and.to.contain("b_total 20\n");
  });

  it("forget label values that are read no more", async () => {
    const registry = new Registry();
    const readings = new MetricReadings(registry);
    let peers: [string, number][] = [
      ["p", 1],
      ["q", 2],
    ];
    readings.gauges("c_state", "Gauges.", { label: "peer", read: () => peers });
    readings.totals("d_total", "Counters.", { label: "peer", read: () => peers });
    expect(await registry.metrics())
      .to.contain('c_state{peer="q"} 2')
      .and.to.contain('d_total{peer="q"} 2');
    peers = [["p", 3]];
    const text = await registry.metrics();
    expect(text).to.contain('c_state{peer="p"} 3').and.to.contain('d_total{peer="p"} 3');
    expect(text).to.not.contain('"q"');
  });
});
