/** What the operator notes on objects and reads from them. */

/** On a pod and its template: digest of the template, as the operator wants templates. */
export const TEMPLATE_HASH = "dynamokv.io/template-hash";
/** On a StatefulSet: digest of the parts of the spec that its template was made from. */
export const SPEC_HASH = "dynamokv.io/spec-hash";
/** On a DynamoCluster, by a user: "true" has the same effect as spec.paused. */
export const PAUSED_ANNOTATION = "dynamokv.io/paused";
/** On pods and StatefulSets of a cluster with zones. */
export const ZONE_LABEL = "dynamokv.io/zone";
/** On the claim of a pod whose node has left the ring and handed over all that it kept: the id of that node. */
export const LEFT_CLAIM = "dynamokv.io/left";
/** On a claim, by a person: "true" says that its volume is lost for good, and a fresh one shall take its place. */
export const LOST_CLAIM = "dynamokv.io/lost";
