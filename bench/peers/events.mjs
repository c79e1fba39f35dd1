// Which numbered events the handlers of a contender saw, and how late, as Contenders/Postgres/EventLog.cs: the harness counts what that means.
import { now, until } from './host.mjs';

const payload = (n, due) => ({ n, due, d: 'x'.repeat(200 - JSON.stringify({ n, due, d: '' }).length) });

export function eventLog() {
  let all = [];
  let seen = new Set();
  let posted = 0;
  return {
    payload,
    next: due => payload(posted++, due),
    add({ n, due }) { all.push([n, now() - due]); seen.add(n); },
    clear() { all = []; seen = new Set(); posted = 0; },
    async wait({ expect, limit }) { await until(() => seen.size >= expect, limit); },
    taken() { return { numbers: all.map(([n]) => n), late: all.map(([, late]) => Math.round(late * 1000) / 1000) }; },
    /** From now until `expect` numbers were seen, at most `limit` seconds. */
    async drain({ expect, limit }, listen) {
      const start = performance.now();
      await listen();
      await until(() => seen.size >= expect, limit);
      const count = seen.size;
      return { count, rate: count / ((performance.now() - start) / 1000) };
    },
  };
}
