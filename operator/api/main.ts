/** `npm run crds`: writes the CRD's text wherever it is kept. Run it after a change of the schemas. */
import { writeCrds } from "./crd-text.ts";

// From dist/operator/api.
writeCrds(new URL("../../../", import.meta.url));
