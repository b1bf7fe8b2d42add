import { API_GROUP, API_VERSION, KIND, PLURAL } from "./dynamo-cluster.ts";
import { clusterRules, specSchema } from "./spec-schema.ts";
import { statusSchema } from "./status-schema.ts";

/** The CRD, made of the schemas that the TypeScript types come from. `crds/` holds its text, which a test compares. */

const column = (name: string, type: string, jsonPath: string, description: string, priority = 0) => ({
  name,
  type,
  jsonPath,
  description,
  priority,
});

export const customResourceDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${PLURAL}.${API_GROUP}` },
  spec: {
    group: API_GROUP,
    scope: "Namespaced",
    names: {
      kind: KIND,
      listKind: `${KIND}List`,
      plural: PLURAL,
      singular: KIND.toLowerCase(),
      shortNames: ["dyn"],
      categories: ["dynamo"],
    },
    versions: [
      {
        name: API_VERSION,
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: ".spec.size",
            statusReplicasPath: ".status.size",
            labelSelectorPath: ".status.selector",
          },
        },
        additionalPrinterColumns: [
          column("Nodes", "integer", ".spec.size", "Nodes asked for"),
          column("Ready", "integer", ".status.readyNodes", "Nodes that serve"),
          column("Status", "string", ".status.phase", "The conditions in one word"),
          column("Version", "string", ".status.version", "Software version of the nodes"),
          column("Age", "date", ".metadata.creationTimestamp", "Since it was created"),
          column("N/R/W", "string", ".status.quorum", "Copies, and how many answer reads and writes", 1),
          column("Ring", "integer", ".status.ring.epoch", "Epoch of the ring", 1),
          column("Operation", "string", ".status.operation.type", "What the operator is in the middle of", 1),
          column("Message", "string", ".status.message", "What goes on", 1),
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            description: "An always-writable key-value store after Amazon's Dynamo.",
            required: ["spec"],
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: {
                type: "object",
                properties: {
                  name: { type: "string", maxLength: 40, pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$" },
                },
              },
              spec: specSchema,
              status: statusSchema,
            },
            "x-kubernetes-validations": clusterRules,
          },
        },
      },
    ],
  },
} as const;
