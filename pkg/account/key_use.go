package account

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pointsync/pointsync/pkg/billing"
)

// usePrecision is how often the use of a key is recorded at most.
const usePrecision = time.Minute

// keyUses are the rates of the service keys at this server. It holds one entry for each key that was used here. A key
// may make perSecond requests a second, and twice as many at once.
type keyUses struct {
	mu        sync.Mutex
	perSecond int
	uses      map[billing.KeyID]*keyUse
}

type keyUse struct {
	limiter *rate.Limiter
	notedAt time.Time
}

// use counts a request of a key, and calls note if its last recorded use is a minute ago. Errors: ETooMany.
func (u *keyUses) use(k billing.ServiceKey, now time.Time, note func()) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.uses[k.ID]
	if known == nil {
		known = &keyUse{limiter: rate.NewLimiter(rate.Limit(u.perSecond), 2*u.perSecond)}
		if k.LastUsedAt != nil {
			known.notedAt = *k.LastUsedAt
		}
		u.uses[k.ID] = known
	}
	if r := known.limiter.ReserveN(now, 1); r.DelayFrom(now) > 0 {
		wait := r.DelayFrom(now)
		r.CancelAt(now)
		return &billing.Error{
			Code: billing.ETooMany, Message: "This service key makes too many requests a second.", RetryAfter: wait,
		}
	}
	if now.Sub(known.notedAt) >= usePrecision {
		known.notedAt = now
		note()
	}
	return nil
}
