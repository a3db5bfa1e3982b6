// Walks docs/guides/believe.md: what its code says of a feature, for a subscriber whose device has a wrong clock.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { must } from '../browser/chromium.mjs';
import { subscribed } from './people.mjs';

export async function walk({ guide, home, api, stripe }) {
  guide.cutOut(home);
  const { claimsOf, clockOf, hasFeature } = await import(pathToFileURL(join(home, 'features.mjs')).href);
  const session = await subscribed(api, stripe, 'pro_monthly');
  const { exp, subscription } = claimsOf(session.token);
  const RealDate = globalThis.Date;
  globalThis.Date = class extends RealDate { static now() { return 0; } }; // 1970
  try {
    const now = clockOf(session);
    must(Math.abs(now() - RealDate.now() / 1000) < 5, `its clock shows ${now()}`);
    must(hasFeature(session.token, 'hd', now), 'a subscriber has not the feature of the plan');
    must(!hasFeature(session.token, 'other', now), 'a feature is there that no plan has');
    must(hasFeature(session.token, 'hd', () => exp - 1) && !hasFeature(session.token, 'hd', () => exp), 'the feature does not end with the token');
    must(subscription.until > exp, 'the window ends before the token');
  } finally {
    globalThis.Date = RealDate;
  }
  console.log('  ok  a feature lasts as long as the page says, whatever the clock of the device');
}
