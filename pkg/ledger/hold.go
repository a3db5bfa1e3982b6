package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// MaxHoldTTL is how long a hold may keep points. To keep them longer, hold them again.
	MaxHoldTTL = 7 * 24 * time.Hour
	// maxActiveHolds bounds how many holds one account can make a settlement read.
	maxActiveHolds = 1000
)

// HoldRequest asks for points to be set aside: an amount, or the price of Quantity of an Action, as in SpendRequest.
// Key is the caller's Idempotency-Key, "" for none.
type HoldRequest struct {
	By          billing.Actor
	Login       billing.SessionID // of a customer: it must live; "" for a service
	Amount      billing.Points
	Action      string // "" for none
	Quantity    int64
	Caps        billing.CapPolicy
	TTL         time.Duration
	Description string
	Metadata    map[string]string
	Key         string
}

// hash distinguishes two requests that use the same key.
func (r HoldRequest) hash() string {
	if r.Action != "" {
		return billing.RequestHash("hold", r.Action, r.Quantity, r.TTL, r.Description, r.Metadata)
	}
	return billing.RequestHash("hold", r.Amount, r.TTL, r.Description, r.Metadata)
}

// CaptureRequest spends an active hold: Amount of it, or all of it if Amount is 0. The rest goes back.
type CaptureRequest struct {
	By     billing.Actor
	Login  billing.SessionID // as in HoldRequest
	Hold   billing.HoldID
	Amount billing.Points
	Key    string
	// WholeOnly refuses a part. A caller who may not choose what to pay may not choose a part of it either.
	WholeOnly bool
}

// ReleaseRequest asks for an active hold to be given back.
type ReleaseRequest struct {
	By    billing.Actor
	Login billing.SessionID // as in HoldRequest
	Hold  billing.HoldID
	Key   string
}

// Held is the outcome of a request about a hold, and the account as the request left it. Replayed reports that the key
// had its effect before. The hold and the account are then as they are now.
type Held struct {
	Hold     billing.Hold
	Account  billing.Account
	Replayed bool
}

// Hold sets points aside: they move from `available` to `held`, and from the lots to the hold, in burn order. It asks
// only the database. The points count as spent today. What goes back on the same day no longer counts. Errors:
// EInsufficientPoints, ERequestCap, EDailyCap (the key stays unused), ETooMany, EKeyReused, EInvalid, ENotFound,
// EUnauthorized (the login has ended), EAccountClosed.
func Hold(ctx context.Context, db *store.DB, id billing.AccountID, r HoldRequest) (Held, error) {
	if r.Amount < 1 || r.Amount > billing.MaxPoints {
		return Held{}, billing.Errorf(billing.EInvalid, "The amount must be from 1 to %d points.", billing.MaxPoints)
	}
	if r.TTL < time.Second || r.TTL > MaxHoldTTL {
		return Held{}, billing.Errorf(billing.EInvalid, "A hold lasts from 1 second to %d.", int(MaxHoldTTL.Seconds()))
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil // one form for no metadata, now and when the hold is read again
	}
	var refused error
	k := keyed{account: id, by: r.By, login: r.Login, key: r.Key, hash: r.hash()}
	h, err := k.once(ctx, db, func(
		tx *store.Tx, a billing.Account, lots []billing.Lot,
	) (h billing.Hold, _ billing.Account, err error) {
		if refused = r.Caps.Check(a, r.Amount, tx.Now); refused != nil {
			return h, a, nil // what was settled on the way stays settled
		}
		if usable(a, lots, tx.Now) < r.Amount {
			refused = tooFew(r.Amount, a)
			return h, a, nil
		}
		if n, err := tx.CountActiveHolds(ctx, id); err != nil {
			return h, a, err
		} else if n >= maxActiveHolds {
			e := billing.Errorf(billing.ETooMany, "%d holds are active already. Capture or release some.", n)
			e.RetryAfter = time.Minute
			return h, a, e
		}
		h = billing.Hold{
			ID:          billing.NewHoldID(tx.Now),
			AccountID:   id,
			Amount:      r.Amount,
			Status:      billing.HoldActive,
			Action:      r.Action,
			Quantity:    r.Quantity,
			Description: r.Description,
			Metadata:    r.Metadata, ExpiresAt: tx.Now.Add(r.TTL), CreatedAt: tx.Now,
		}
		a, err = setAside(ctx, tx, a, lots, h, k)
		return h, a, err
	})
	if err == nil && h.Hold.ID == "" {
		err = refused
	}
	return h, err
}

// HoldReplay returns the outcome of a request whose key had its effect before, and false if the key is unused. Like
// SpendReplay, it needs no price. Errors: EKeyReused, EUnauthorized (the login has ended), EAccountClosed.
func HoldReplay(ctx context.Context, db *store.DB, id billing.AccountID, r HoldRequest) (h Held, ok bool, err error) {
	if r.Key == "" {
		return h, false, nil
	}
	if _, ok, err = db.EntryByKey(ctx, id, r.Key); err != nil || !ok {
		return h, false, err
	}
	if len(r.Metadata) == 0 {
		r.Metadata = nil
	}
	h, err = keyed{account: id, by: r.By, login: r.Login, key: r.Key, hash: r.hash()}.once(ctx, db, nil)
	return h, true, err
}

// Capture spends the points that a hold set aside. A service may do so at a closed account too, because they were set
// aside before it was closed. Errors: ENotFound, EConflict (the hold has ended), EInvalid (more than it holds),
// EActionRequired (a part that the caller may not choose), EKeyReused, EUnauthorized (the login has ended),
// EAccountClosed.
func Capture(ctx context.Context, db *store.DB, id billing.AccountID, r CaptureRequest) (Held, error) {
	if r.Amount < 0 || r.Amount > billing.MaxPoints {
		return Held{}, billing.Errorf(billing.EInvalid, "The amount must be from 1 to %d points.", billing.MaxPoints)
	}
	k := keyed{
		account: id, by: r.By, login: r.Login, key: r.Key, hash: billing.RequestHash("capture", r.Hold, r.Amount),
	}
	return k.end(ctx, db, r.Hold, func(h *billing.Hold, e *billing.Entry) error {
		if r.Amount > h.Amount {
			return &billing.Error{
				Code: billing.EInvalid, Message: "The request is not valid: amount is more than the hold has.",
				Fields: []billing.FieldError{{Pointer: "/amount", Message: "is more than the hold has"}}}
		}
		if r.WholeOnly && r.Amount != 0 && r.Amount != h.Amount {
			return billing.Errorf(
				billing.EActionRequired,
				"Only a service captures a part of a hold here. Capture all of it, without an amount.",
			)
		}
		h.Status, h.Captured = billing.HoldCaptured, r.Amount
		if r.Amount == 0 {
			h.Captured = h.Amount
		}
		e.Kind, e.Description, e.Metadata = billing.EntryCapture, h.Description, h.Metadata
		e.Action, e.Quantity = h.Action, h.Quantity
		return nil
	})
}

// Release gives back the points that a hold set aside. Errors: as Capture.
func Release(ctx context.Context, db *store.DB, id billing.AccountID, r ReleaseRequest) (Held, error) {
	k := keyed{account: id, by: r.By, login: r.Login, key: r.Key, hash: billing.RequestHash("release", r.Hold)}
	return k.end(ctx, db, r.Hold, func(h *billing.Hold, e *billing.Entry) error {
		h.Status = billing.HoldReleased
		e.Kind, e.Description = billing.EntryRelease, "released"
		return nil
	})
}

// ReadHold returns a hold as it is now. Errors: ENotFound.
func ReadHold(ctx context.Context, db *store.DB, account billing.AccountID, id billing.HoldID) (billing.Hold, error) {
	if _, err := Current(ctx, db, account); err != nil {
		return billing.Hold{}, err
	}
	return known(db.Hold(ctx, account, id))
}

// ListHolds returns holds as they are now, newest first, starting after the one with id before.
func ListHolds(
	ctx context.Context, db *store.DB, account billing.AccountID, before billing.HoldID, limit int,
) ([]billing.Hold, error) {
	if _, err := Current(ctx, db, account); err != nil {
		return nil, err
	}
	return db.Holds(ctx, account, before, limit)
}

// ReleaseDue settles accounts with expired holds, at most limit of them, and returns how many it settled. It is for
// accounts that no one reads, because a read settles them first. If one cannot be settled, it continues with the
// others and returns the first such error.
func ReleaseDue(ctx context.Context, db *store.DB, limit int) (int, error) {
	ids, err := db.HoldersDue(ctx, db.Now(), limit)
	if err != nil {
		return 0, err
	}
	settled := 0
	for _, id := range ids {
		if _, _, failed := Show(ctx, db, id); failed == nil {
			settled++
		} else if err == nil {
			err = fmt.Errorf("account %s: %w", id, failed)
		}
	}
	return settled, err
}

// known gives ENotFound the message that there is no such hold.
func known(h billing.Hold, err error) (billing.Hold, error) {
	if billing.CodeOf(err) == billing.ENotFound {
		err = billing.Errorf(billing.ENotFound, "No such hold.")
	}
	return h, err
}
