// Package simtest simulates the whole product under faults: the built server as a process that can be killed, the local
// Stripe behind real HTTP, a real database, and clients that keep a journal of what was acknowledged to them. It
// consists only of tests: nothing imports it. docs/simulation.md says how it works, how to replay a run, what it checks
// and what it cannot check.
//
// One seed decides the whole plan: who does what, in which order, with which amounts, and which faults strike. The
// steps of one wave run at the same time. The seed does not decide how they interleave inside the server.
//
// The proofs of docs/proofs.md use the same servers. They show that restarts and kills lose nothing. They also count
// effects, and the numbers must be exact.
package simtest
