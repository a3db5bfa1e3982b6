package billing

import "time"

// AttemptKind is what attempts are counted by. An attempt is a request that costs much or tries a secret: a login, a
// registration, a mail asked for, a token that is not ours.
type AttemptKind string

// The kinds. Attempts of passwords are counted by the first three, together. An address that logged in to the account
// before is counted by the fourth alone, so what others do cannot hold it up.
const (
	AttemptAddress  AttemptKind = "address"  // passwords from an address, for any account
	AttemptPair     AttemptKind = "pair"     // passwords from an address for one account
	AttemptAccount  AttemptKind = "account"  // passwords for an account, from any address that is not known there
	AttemptOwn      AttemptKind = "own"      // passwords for an account from an address that is known there
	AttemptRegister AttemptKind = "register" // registrations and first exchanges from an address
	AttemptMail     AttemptKind = "mail"     // mails that an address asked for
	AttemptToken    AttemptKind = "token"    // tokens from an address that are not known
	// AttemptKnown is no count: the row says that an address logged in to an account before.
	AttemptKnown AttemptKind = "known"
)

// KnownFor is how long an address stays known at an account after a login.
const KnownFor = 90 * 24 * time.Hour

// Allowance bounds attempts of a kind. Free of them may come at once. After that each needs a pause, which doubles from
// a second up to Every. One attempt is forgotten each Every. Up to Quiet of them raise no suspicion.
type Allowance struct {
	Free  int
	Quiet int
	Every time.Duration
}

// Allowances are those of each kind. They let a person mistype a password several times, and a school class register.
var Allowances = map[AttemptKind]Allowance{
	AttemptAddress:  {Free: 20, Every: time.Minute},
	AttemptPair:     {Free: 5, Every: 5 * time.Minute},
	AttemptAccount:  {Free: 50, Every: time.Minute},
	AttemptOwn:      {Free: 10, Quiet: 5, Every: time.Minute},
	AttemptRegister: {Free: 30, Quiet: 5, Every: time.Minute},
	AttemptMail:     {Free: 10, Every: time.Minute},
	AttemptToken:    {Free: 30, Every: time.Minute},
}

// MaxAttempts bounds a count, so that a flood that raced past the pauses is forgotten in bounded time.
const MaxAttempts = 64

// Attempt names one count: what is counted, and of whom.
type Attempt struct {
	Kind    AttemptKind
	Subject string // an address, or a hash
}

// AttemptCount is the state of a count. The zero value is a count of 0.
type AttemptCount struct {
	LastAt time.Time
	ZeroAt time.Time // when all attempts are forgotten
}

// Level returns how many attempts are not forgotten yet at a time, the started one included.
func (c AttemptCount) Level(kind AttemptKind, at time.Time) int {
	every := Allowances[kind].Every
	if every == 0 || !c.ZeroAt.After(at) {
		return 0
	}
	return int((c.ZeroAt.Sub(at) + every - 1) / every)
}

// Wait returns how long the next attempt has to wait, or 0.
func (c AttemptCount) Wait(kind AttemptKind, now time.Time) time.Duration {
	return max(0, c.LastAt.Add(Allowances[kind].pause(c.Level(kind, c.LastAt))).Sub(now))
}

// Next returns the count after one more attempt.
func (c AttemptCount) Next(kind AttemptKind, now time.Time) AttemptCount {
	zero := c.ZeroAt
	if zero.Before(now) {
		zero = now
	}
	return AttemptCount{LastAt: now, ZeroAt: zero.Add(Allowances[kind].Every)}
}

// pause returns how long to wait after an attempt that made a count reach a level.
func (a Allowance) pause(level int) time.Duration {
	over := level - a.Free
	if over < 0 {
		return 0
	}
	return min(time.Second<<min(over, 20), a.Every)
}
