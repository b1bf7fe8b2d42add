/** GET of the admin API, as JSON. Rejects where the node is silent for 5 s, and where it answers anything but a success. */
export async function adminAnswer<T>({ admin }: { readonly admin: string }, path: string): Promise<T> {
  const answer = await fetch(`http://${admin}/admin/v1/${path}`, { signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}
