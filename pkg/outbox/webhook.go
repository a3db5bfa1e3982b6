package outbox

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
)

const (
	// MaxWebhooks limits the endpoints: every event may need a row for each of them, and each may keep one job busy.
	MaxWebhooks = 16
	// OldSecretLives is how long a rolled secret still signs together with the new one.
	OldSecretLives = 24 * time.Hour
	// MaxSecrets limits the secrets that sign at a time: each makes the header and the work of every delivery larger.
	MaxSecrets = 5
	// secretBytes is the number of bytes that the scheme recommends.
	secretBytes = 32
	maxURL      = 2000
	// MaxResent limits what one request sends again, because that is one transaction.
	MaxResent = 1000
)

// Endpoint is an endpoint's address, and the types of events that it wants. Types nil means all.
type Endpoint struct {
	URL   string
	Types []billing.OutgoingType
}

// Post keeps the operator's endpoints.
type Post struct {
	db    *store.DB
	local bool
}

// NewPost returns a Post. local lets endpoints use plain http and be on this machine or network: only for development.
func NewPost(db *store.DB, local bool) *Post { return &Post{db: db, local: local} }

// Add makes an endpoint with a new secret. by is the admin who asks for it, or "" for the command line; it is recorded
// with the action, here and below. Errors: EInvalid, and EConflict if there are MaxWebhooks already.
func (p *Post) Add(ctx context.Context, by billing.AdminID, e Endpoint) (w billing.Webhook, err error) {
	if e, err = p.check(e); err != nil {
		return w, err
	}
	err = p.db.InTx(ctx, func(tx *store.Tx) error {
		w = billing.Webhook{
			ID: billing.NewWebhookID(tx.Now), URL: e.URL, Types: e.Types, Secret: newSecret(), CreatedAt: tx.Now,
		}
		ok, err := tx.InsertWebhook(ctx, w, MaxWebhooks)
		if err == nil && !ok {
			err = billing.Errorf(billing.EConflict, "There are %d webhooks already. Remove one first.", MaxWebhooks)
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, by, billing.ActionWebhookAdd, w, wanted(w))
	})
	return w, err
}

// Change sets an endpoint's address and types. It enables an endpoint that was disabled, and ends a pause. Errors:
// EInvalid, ENotFound.
func (p *Post) Change(
	ctx context.Context, by billing.AdminID, id billing.WebhookID, e Endpoint,
) (billing.Webhook, error) {
	e, err := p.check(e)
	if err != nil {
		return billing.Webhook{}, err
	}
	return p.save(ctx, by, billing.ActionWebhookChange, id, func(w *billing.Webhook) error {
		w.URL, w.Types, w.DisabledAt, w.DisabledWhy, w.PausedUntil = e.URL, e.Types, nil, "", nil
		return nil
	})
}

// Roll gives an endpoint a new secret. Its current secret still signs too for OldSecretLives, and so do older ones
// until their own time. Errors: ENotFound, and EConflict if MaxSecrets sign already.
func (p *Post) Roll(ctx context.Context, by billing.AdminID, id billing.WebhookID) (billing.Webhook, error) {
	return p.save(ctx, by, billing.ActionWebhookRoll, id, func(w *billing.Webhook) error {
		now := time.Now() // the machine's clock, as for signatures
		old := w.OldSecretsAt(now)
		if len(old)+1 >= MaxSecrets {
			return billing.Errorf(
				billing.EConflict,
				"%d secrets of this webhook sign already. The oldest ends at %s; roll again after that.", MaxSecrets,
				old[0].Until.UTC().Format(time.RFC3339),
			)
		}
		w.OldSecrets = append(old, billing.OldSecret{Secret: w.Secret, Until: now.Add(OldSecretLives)})
		w.Secret = newSecret()
		return nil
	})
}

func (p *Post) save(
	ctx context.Context, by billing.AdminID, did billing.ActionKind, id billing.WebhookID,
	change func(*billing.Webhook) error,
) (w billing.Webhook, err error) {
	err = p.db.InTx(ctx, func(tx *store.Tx) error {
		if w, err = tx.LockWebhook(ctx, id); err != nil {
			return unknown(err)
		}
		if err := change(&w); err != nil {
			return err
		}
		if err := tx.SaveWebhook(ctx, w); err != nil {
			return err
		}
		return note(ctx, tx, by, did, w, wanted(w))
	})
	return w, err
}

// Remove deletes an endpoint, its secrets and its deliveries. Errors: ENotFound.
func (p *Post) Remove(ctx context.Context, by billing.AdminID, id billing.WebhookID) error {
	return p.db.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.LockWebhook(ctx, id)
		if err != nil {
			return unknown(err)
		}
		if err := tx.DeleteWebhook(ctx, id); err != nil {
			return err
		}
		return note(ctx, tx, by, billing.ActionWebhookRemove, w, wanted(w))
	})
}

// wanted lists the types that an endpoint wants.
func wanted(w billing.Webhook) string {
	if w.Types == nil {
		return "everything"
	}
	names := make([]string, len(w.Types))
	for i, t := range w.Types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// note records who did what to an endpoint, and about what. Of the address it keeps only the host: an operator may have
// put a secret in the rest, and these records outlive endpoints.
func note(
	ctx context.Context, tx *store.Tx, by billing.AdminID, did billing.ActionKind, w billing.Webhook, what string,
) error {
	u, err := url.Parse(w.URL)
	if err != nil {
		return errors.New("outbox: the address of an endpoint is not valid") // the cause would repeat it
	}
	return tx.InsertAdminAction(ctx, billing.AdminAction{
		ID:        billing.NewActionID(tx.Now),
		Subject:   string(w.ID),
		AdminID:   by,
		Action:    did,
		Reason:    u.Host + ": " + what,
		CreatedAt: tx.Now,
	})
}

// Test sends an endpoint an event about nothing. Errors: ENotFound, and EConflict if it is disabled.
func (p *Post) Test(ctx context.Context, id billing.WebhookID) (d billing.Delivery, err error) {
	err = p.db.InTx(ctx, func(tx *store.Tx) error {
		if err := enabled(tx.LockWebhook(ctx, id)); err != nil {
			return err
		}
		body, err := json.Marshal(event{billing.OutTest, billing.Time(tx.Now), map[string]any{}})
		if err != nil {
			return err
		}
		test := billing.Delivery{
			ID:        billing.NewMessageID(time.Now()),
			WebhookID: id,
			Type:      billing.OutTest,
			Body:      string(body),
			CreatedAt: tx.Now,
		}
		if err := tx.InsertDeliveries(ctx, test); err != nil {
			return err
		}
		d, err = tx.Delivery(ctx, id, test.ID)
		return err
	})
	return d, err
}

// Resend delivers an event to an endpoint again, under the same id, whatever happened before. Errors: ENotFound, and
// EConflict if the endpoint is disabled.
func (p *Post) Resend(
	ctx context.Context, id billing.WebhookID, message billing.MessageID,
) (d billing.Delivery, err error) {
	err = p.db.InTx(ctx, func(tx *store.Tx) error {
		if err := enabled(tx.LockWebhook(ctx, id)); err != nil {
			return err
		}
		before, err := tx.Delivery(ctx, id, message)
		if billing.CodeOf(err) == billing.ENotFound {
			return billing.Errorf(billing.ENotFound, "This webhook was sent no such event.")
		}
		if err != nil {
			return err
		}
		again := before
		again.Status, again.Attempts, again.PutOff = billing.DeliveryPending, 0, 0
		again.NextAt, again.DeliveredAt = store.AtOnce, nil
		if err := tx.SaveAttempt(ctx, before, again); err != nil {
			return err
		}
		d, err = tx.Delivery(ctx, id, message)
		return err
	})
	return d, err
}

// Resent is the result of ResendMany.
type Resent struct {
	Events int
	Last   billing.MessageID // if there are more: where the next request continues
}

// ResendMany delivers events to an endpoint again that ended or were missed, each under its id and with all its
// attempts: the first MaxResent that the filter selects. What waits already is not selected, so a repeat does no harm.
// No status selects what failed or was missed. Errors: EInvalid, ENotFound, and EConflict if the endpoint is disabled.
func (p *Post) ResendMany(
	ctx context.Context, by billing.AdminID, id billing.WebhookID, f billing.DeliveryFilter,
) (r Resent, err error) {
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return r, billing.Invalid("/to", "must be later than from")
	}
	for _, t := range f.Types {
		if !slices.Contains(billing.OutgoingTypes, t) {
			return r, billing.Invalid("/types", "holds an unknown type")
		}
	}
	if len(f.Statuses) == 0 {
		f.Statuses = []billing.DeliveryStatus{billing.DeliveryFailed, billing.DeliveryMissed}
	}
	for _, s := range f.Statuses {
		if s != billing.DeliveryFailed && s != billing.DeliveryMissed && s != billing.DeliveryDelivered {
			return r, billing.Invalid("/statuses", "must be failed, missed or delivered")
		}
	}
	err = p.db.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.LockWebhook(ctx, id)
		if err := enabled(w, err); err != nil {
			return err
		}
		r.Events, r.Last, err = tx.ResendDeliveries(ctx, id, f, MaxResent)
		if err != nil || r.Events == 0 {
			return err
		}
		return note(ctx, tx, by, billing.ActionWebhookResend, w, "events sent again: "+strconv.Itoa(r.Events))
	})
	return r, err
}

func enabled(w billing.Webhook, err error) error {
	if err == nil && w.DisabledAt != nil {
		return billing.Errorf(
			billing.EConflict, "This webhook is disabled: %s. Save it again to enable it.", w.DisabledWhy,
		)
	}
	return unknown(err)
}

func unknown(err error) error {
	if billing.CodeOf(err) == billing.ENotFound {
		return billing.Errorf(billing.ENotFound, "No such webhook.")
	}
	return err
}

// check refuses an address to which nothing would be sent, or that holds a password. It returns the same list for the
// same types.
func (p *Post) check(e Endpoint) (Endpoint, error) {
	if err := p.checkURL(e.URL); err != nil {
		return e, err
	}
	for _, t := range e.Types {
		if !slices.Contains(billing.OutgoingTypes, t) {
			return e, billing.Invalid("/types", "holds an unknown type")
		}
	}
	if len(e.Types) == 0 {
		e.Types = nil
		return e, nil
	}
	e.Types = slices.Compact(slices.Sorted(slices.Values(e.Types)))
	return e, nil
}

func (p *Post) checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || len(address) > maxURL || u.Fragment != "" || u.Opaque != "":
		return billing.Invalid("/url", "is not the address of an endpoint")
	case badPort(u):
		return billing.Invalid("/url", "must have a port from 1 to 65535, or none")
	case u.User != nil:
		return billing.Invalid("/url", "must not hold a user or a password: the signature says who sends")
	case u.Scheme != "https" && (u.Scheme != "http" || !p.local):
		return billing.Invalid("/url", "must begin with https://")
	case !p.local && isLocal(u.Hostname()):
		return billing.Invalid("/url", "must not be an address of this machine or of a private network")
	}
	return nil
}

// badPort reports whether an address has a port that nothing can listen on.
func badPort(u *url.URL) bool {
	if u.Port() == "" {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err != nil || port == 0
}

func newSecret() billing.SigningSecret {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program first
	return billing.SigningSecret("whsec_" + base64.StdEncoding.EncodeToString(b[:]))
}

// Deliveries returns the deliveries to an endpoint, newest first, before the one with the id before. status "" means
// any. Errors: ENotFound.
func (p *Post) Deliveries(
	ctx context.Context, id billing.WebhookID, status billing.DeliveryStatus, before billing.MessageID, limit int,
) ([]billing.Delivery, error) {
	if _, err := p.db.Webhook(ctx, id); err != nil {
		return nil, unknown(err)
	}
	return p.db.Deliveries(ctx, id, status, before, limit)
}
