/** All clients use one bucket: what matters happens within a key. */
export const BUCKET = new TextEncoder().encode("simulated");
