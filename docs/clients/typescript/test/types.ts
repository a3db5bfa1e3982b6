// Compiled and never run: it proves what the types let a program do, without DOM types and with them.
import { createClient, type Problem, type Session } from '@pointsync/client';

const client = createClient({ baseUrl: 'https://api.example.com' });

export async function spend(): Promise<number> {
  const { data, error } = await client.POST('/points/spend', { body: { action: 'picture' } });
  if (data) return data.points.available;
  switch (error.type) {
    case '/problems/insufficient-points': return error.points.available;
    case '/problems/validation': return error.errors?.[0]?.pointer.length ?? 0;
    case '/problems/payment-required': return error.payment_url?.length ?? 0;
    case 'about:blank': return error.status;
    // @ts-expect-error: there is no such problem
    case '/problems/no-such-problem': return 0;
    default:
      // @ts-expect-error: only a lack of points has the points
      return error.points;
  }
}

export const backend = createClient({ baseUrl: 'https://api.example.com', key: 'psk_…' });

// A member of a request that has a default may be left out.
export const order = () => client.POST('/checkout', { body: { item: 'pack_100' } });

// Each problem is one member of the union: a switch over all of them is complete.
export function isMine(problem: Problem): boolean {
  switch (problem.type) {
    case '/problems/insufficient-points': case '/problems/payment-required': case '/problems/validation':
    case '/problems/account-closed': case '/problems/action-required': case '/problems/conflict': case '/problems/daily-cap':
    case '/problems/email-taken': case '/problems/forbidden': case '/problems/idempotency-key-reused': case '/problems/internal':
    case '/problems/id-token-used':
    case '/problems/issuer-unavailable': case '/problems/login-too-old': case '/problems/method-not-allowed':
    case '/problems/not-found': case '/problems/password-login-off': case '/problems/payload-too-large':
    case '/problems/request-cap': case '/problems/stripe-refused': case '/problems/stripe-unavailable':
    case '/problems/subscription-exists': case '/problems/too-many-requests': case '/problems/unauthorized':
    case '/problems/unavailable': case '/problems/unsupported-media-type': case 'about:blank':
      return true;
    default: {
      const none: never = problem;
      return none;
    }
  }
}

export async function refused() {
  // @ts-expect-error: the amount is a number
  await client.POST('/points/spend', { body: { amount: '30' } });
  // @ts-expect-error: there is no such operation
  await client.POST('/points/steal', {});
  // @ts-expect-error: the stream is read by follow
  await client.GET('/session/stream');
}

export const stop: () => void = client.follow((session: Session) => session.points.available);
