import { expect, test } from 'vitest';
import type { NotedRefusal } from '../../src/gates/protocol.ts';
import { RefusalReports } from '../../src/oauth/refusals/refusal-reports.ts';

const START = 1_795_003_200_000;

function refusal(now: number, fields: Partial<NotedRefusal> = {}): NotedRefusal {
  return {
    first_at: now,
    last_at: now,
    count: 1,
    request_id: `request ${now}`,
    reason: 'wrong_secret',
    endpoint: 'token',
    status: 401,
    error: 'invalid_client',
    address: '192.0.2.1',
    is_proven: false,
    ...fields,
  };
}

/** Adds as many refusals in one millisecond each, and returns the reports that were sent. */
function flood(reports: RefusalReports, count: number, clientId: (index: number) => string, fields = {}, from = START) {
  const sent = Array.from({ length: count }, (_, index) =>
    reports.add(clientId(index), refusal(from + index, fields), from + index),
  );
  return sent.filter((refusals) => refusals.length > 0);
}

test('of a flood about one client five reports are sent at once, then one a minute, with the count of the others', () => {
  const reports = new RefusalReports();
  expect(flood(reports, 1000, () => 'client')).toHaveLength(5);
  const later = START + 61_000;
  expect(reports.add('client', refusal(later), later)).toEqual([
    { ...refusal(later), first_at: START + 5, count: 996 },
  ]);
  expect(flood(reports, 1000, () => 'client', {}, later + 1)).toEqual([]);
});

test('those that prove to be the client’s have an allowance of their own: ten at once, then one a second', () => {
  const reports = new RefusalReports();
  flood(reports, 1000, () => 'client');
  expect(flood(reports, 900, () => 'client', { is_proven: true })).toHaveLength(10);
  const later = START + 2000;
  expect(reports.add('client', refusal(later, { is_proven: true }), later)).toMatchObject([{ count: 891 }]);
});

test('a flood about many clients is limited in all, unless they prove to be the clients’', () => {
  const reports = new RefusalReports();
  expect(flood(reports, 2000, (index) => `client ${index}`).length).toBeLessThanOrEqual(111);
  expect(flood(reports, 2000, (index) => `client ${index}`, { is_proven: true })).toHaveLength(2000);
});

test('eight different refusals wait at most', () => {
  const reports = new RefusalReports();
  flood(reports, 5, () => 'client');
  for (let index = 0; index < 100; index++) reports.add('client', refusal(START, { address: `a${index}` }), START);
  const later = START + 61_000;
  expect(reports.add('client', refusal(later), later).length).toBeLessThanOrEqual(8);
});
