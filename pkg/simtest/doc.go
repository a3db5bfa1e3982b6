// Package simtest simulates the whole product under faults: the built server as a process that can be killed, the local
// Stripe behind real HTTP, a real database, and clients that keep a journal of what was acknowledged to them. It is
// made of tests alone: nothing imports it. docs/simulation.md says how it works, how a run is replayed, what it checks
// and what it cannot.
//
// One seed decides the whole plan: who does what, in which order, with which amounts, and which faults strike. How the
// steps of one wave interleave inside the server is real time and no seed decides it.
//
// On the same servers stand the proofs of docs/proofs.md: that restarts and kills lose nothing, and
// counts that leave no room.
package simtest
