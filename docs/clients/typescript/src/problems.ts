// The errors as a union that `type` tells apart, and the operations with their errors typed so.
import type { components, paths } from './schema.js';

type Schemas = components['schemas'];
type Base = Omit<Schemas['Problem'], 'type'>;
interface More {
  '/problems/validation': Pick<Schemas['ValidationProblem'], 'errors'>;
  '/problems/insufficient-points': Pick<Schemas['InsufficientPointsProblem'], 'points' | 'subscription'> & { token?: string }; // a service gets none
  '/problems/payment-required': Pick<Schemas['PaymentRequiredProblem'], 'payment_url'>;
}

/** Every error. `about:blank` is one that pointsync did not write, such as the page of a proxy. */
export type Problem =
  | { [T in Schemas['ProblemType']]: Base & { type: T } & (T extends keyof More ? More[T] : unknown) }[Schemas['ProblemType']]
  | (Base & { type: 'about:blank' });

// problemOf returns the problem that stands for an error which is none.
export const problemOf = (status: number): Problem =>
  ({ type: 'about:blank', title: 'No response of the server', status, detail: `A response with status ${status} is no problem of pointsync.`, request_id: '' });

type Errors<R> = { [S in keyof R]: R[S] extends { content: { 'application/problem+json': unknown } }
  ? Omit<R[S], 'content'> & { content: { 'application/problem+json': Problem } } : R[S] };
type Operation<O> = O extends { responses: infer R } ? Omit<O, 'responses'> & { responses: Errors<R> } : O;

/** The operations of the contract. The stream is left out: `follow` reads it. */
export type Paths = { [P in Exclude<keyof paths, '/session/stream'>]: { [M in keyof paths[P]]: Operation<paths[P][M]> } };

type KeyOf<O> = O extends { parameters: { header?: infer H } } ? ([NonNullable<H>] extends [never] ? never : keyof NonNullable<H>) : never;
/** The paths whose POST takes an Idempotency-Key: the compiler compares the list in index.ts with the contract. */
export type Moving = { [P in keyof paths]: 'Idempotency-Key' extends KeyOf<paths[P]['post' & keyof paths[P]]> ? P : never }[keyof paths];
