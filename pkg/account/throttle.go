package account

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// A refusal waits for holdFor to twice as long, so that a client that ignores Retry-After costs little more than
	// one that obeys it. The time is random: clients that were refused together do not come again together, in a wave
	// that would delay everyone else. maxHeld bounds how many wait at once; the others are refused at once.
	holdFor = time.Second
	maxHeld = 500
	// maxCounting is how many attempts use the database at once: few of its connections, so that spends find one.
	maxCounting = 4
	// knownStep is how much later than before an address must be known at an account for the row to be written.
	knownStep = 24 * time.Hour
)

// passwordTry is one try of a password that was let through.
type passwordTry struct {
	OK bool

	newer   string            // the hash to store in place of the one compared, "" if that is current
	counted []billing.Attempt // to be taken back if it succeeds
	pair    string            // of address and account; "" if it was not counted
	known   time.Time         // until when the address is known at the account
}

// admit counts one try of a password, or refuses it. Every check of a password begins with it. The tries are counted by
// a hash of the email, whether or not it has an account. A wrong password costs the same in all cases. After a success,
// call succeed.
//
// An address that logged in to the account before has an allowance of its own there. So a flood from other addresses,
// and one from the same address for other accounts, does not hold up the account's owner. Errors: ETooMany.
func (s *Service) admit(ctx context.Context, email string) (passwordTry, lane, error) {
	from := addressOf(ctx)
	if s.unthrottled || from == "" {
		return passwordTry{}, laneProven, nil
	}
	pair := hashOf(email + " " + from)
	known := billing.Attempt{Kind: billing.AttemptKnown, Subject: pair}
	own := billing.Attempt{Kind: billing.AttemptOwn, Subject: pair}
	keys := []billing.Attempt{
		{Kind: billing.AttemptAddress, Subject: from}, {Kind: billing.AttemptPair, Subject: pair},
		{Kind: billing.AttemptAccount, Subject: hashOf(email)},
	}
	seen, err := s.attempts(ctx, append(keys[:len(keys):len(keys)], known, own))
	if err != nil {
		return passwordTry{}, 0, err
	}
	try := passwordTry{counted: keys, pair: pair, known: seen[known].ZeroAt}
	l := s.laneOf(seen, keys)
	if try.known.After(s.db.Now()) {
		// A success does not take it back: it would allow logging in without end, before all others.
		try.counted, keys = nil, []billing.Attempt{own}
		if l = s.laneOf(seen, keys); l == laneFresh {
			l = laneProven
		}
	}
	return try, l, s.count(ctx, seen, keys, s.busy(l))
}

// attempts looks at counts.
func (s *Service) attempts(
	ctx context.Context, keys []billing.Attempt,
) (seen map[billing.Attempt]billing.AttemptCount, err error) {
	err = s.counted(ctx, func() error {
		seen, err = s.db.Attempts(ctx, keys)
		return err
	})
	return seen, err
}

// counted calls f, which uses the table of attempts, when few others do.
func (s *Service) counted(ctx context.Context, f func() error) error {
	select {
	case s.counting <- struct{}{}:
		defer func() { <-s.counting }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busy reports whether an attempt is not worth counting: it would wait behind many others that are suspicious as well.
// The others are always counted, so that they are suspicious when they come again.
func (s *Service) busy(l lane) bool { return l == laneOther && s.hashers.full(l) }

// laneOf returns the lane of an attempt that the keys count.
func (s *Service) laneOf(seen map[billing.Attempt]billing.AttemptCount, keys []billing.Attempt) lane {
	now := s.db.Now()
	for _, k := range keys {
		if seen[k].Level(k.Kind, now) > billing.Allowances[k.Kind].Quiet {
			return laneOther
		}
	}
	return laneFresh
}

// count counts an attempt at each of the keys. seen is what a look has found. It refuses one that comes too early,
// before it costs more than the look. If the server is too busy for it, it is refused and not counted. Errors:
// ETooMany.
func (s *Service) count(
	ctx context.Context, seen map[billing.Attempt]billing.AttemptCount, keys []billing.Attempt, busy bool,
) error {
	now := s.db.Now()
	var wait time.Duration
	for _, k := range keys {
		wait = max(wait, seen[k].Wait(k.Kind, now))
	}
	if busy {
		wait = max(wait, holdFor)
	}
	if wait > 0 {
		return s.holdBack(ctx, wait)
	}
	var counted map[billing.Attempt]billing.AttemptCount
	err := s.counted(ctx, func() error {
		return s.db.InTx(ctx, func(tx *store.Tx) (err error) {
			now = tx.Now
			counted, err = tx.CountAttempts(ctx, keys)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		wait = max(wait, outrun(k.Kind, seen[k], counted[k], now))
	}
	if wait > 0 {
		return s.holdBack(ctx, wait)
	}
	return nil
}

// outrun returns how long an attempt must wait although the look let it through, because others were counted between
// the look and the count. 0 means that it is let through.
func outrun(kind billing.AttemptKind, seen, counted billing.AttemptCount, now time.Time) time.Duration {
	free := counted.Level(kind, now) <= billing.Allowances[kind].Free
	switch {
	case counted.ZeroAt.IsZero(): // the count has reached its bound
		return billing.Allowances[kind].Every
	case free || !counted.ZeroAt.After(seen.Next(kind, now).ZeroAt):
		return 0
	}
	return counted.Wait(kind, now)
}

// holdBack refuses an attempt, after a pause if few are held. Errors: ETooMany, always.
func (s *Service) holdBack(ctx context.Context, wait time.Duration) error {
	billing.SecurityEvent{Kind: billing.SecurityLoginRefused}.Log(ctx, s.log)
	s.pause(ctx)
	return &billing.Error{
		Code: billing.ETooMany, Message: "Too many attempts. Wait before the next one.",
		RetryAfter: max(wait-holdFor, time.Second),
	}
}

// pause waits before a refusal, if few others do.
func (s *Service) pause(ctx context.Context) {
	select {
	case s.held <- struct{}{}:
		over := time.NewTimer(holdFor + rand.N(holdFor))
		defer over.Stop()
		select {
		case <-over.C:
		case <-ctx.Done():
		}
		<-s.held
	default:
	}
}

// succeed ends a try that had the right password, in the transaction of what it was for. The account's next tries from
// this address have their own allowance.
func (s *Service) succeed(ctx context.Context, tx *store.Tx, a billing.Account, try passwordTry) error {
	if try.newer != "" {
		if err := tx.ReplacePasswordHash(ctx, a.ID, a.PasswordHash, try.newer); err != nil {
			return err
		}
	}
	if try.pair == "" {
		return nil
	}
	// Last, because other requests count at these rows.
	if err := tx.UncountAttempts(ctx, try.counted); err != nil {
		return err
	}
	if until := tx.Now.Add(billing.KnownFor); until.Sub(try.known) > knownStep {
		return tx.KeepKnown(ctx, try.pair, until)
	}
	return nil
}

// knows makes the caller's address known at the account of an email, for a caller who has just set its password: by a
// registration, or with the token of a mail. It comes last in the transaction, because other requests count at this
// table's rows.
func (s *Service) knows(ctx context.Context, tx *store.Tx, email string) error {
	from := addressOf(ctx)
	if s.unthrottled || from == "" {
		return nil
	}
	return tx.KeepKnown(ctx, hashOf(email+" "+from), tx.Now.Add(billing.KnownFor))
}

// limit counts a request of a kind by its address, and returns the lane for its password. Errors: ETooMany.
func (s *Service) limit(ctx context.Context, kind billing.AttemptKind) (lane, error) {
	from := addressOf(ctx)
	if s.unthrottled || from == "" {
		return laneFresh, nil
	}
	keys := []billing.Attempt{{Kind: kind, Subject: from}}
	seen, err := s.attempts(ctx, keys)
	if err != nil {
		return 0, err
	}
	l := s.laneOf(seen, keys)
	return l, s.count(ctx, seen, keys, kind == billing.AttemptRegister && s.busy(l))
}

// guessed counts a request whose token is not known, by its address, and returns what to return in place of its error.
// A token that is known is never counted and never refused, however many an attacker tries from the same address.
// Errors: the given one, or ETooMany.
func (s *Service) guessed(ctx context.Context, unknown error) error {
	if _, err := s.limit(ctx, billing.AttemptToken); err != nil {
		return err
	}
	return unknown
}
