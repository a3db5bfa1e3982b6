package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that nothing is sent to this machine unless that is allowed, whatever the address is called.
func TestLocalRefused(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, nil)
		w := o.listens(rc) // added while it was allowed, or under a name that led elsewhere then
		o.account(1000)
		strict := outbox.NewCourier(o.db, false, o.wall, discard)
		_, _, err := strict.Run(context.Background(), w.ID)
		must(t, err)
		if d := o.sent(w)[0]; len(rc.parcels()) != 0 || d.Attempts != 1 || !strings.Contains(
			d.LastError, "private network",
		) {
			t.Errorf("%d deliveries, %+v", len(rc.parcels()), d)
		}
	})
	for host, local := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "10.0.0.1": true, "172.16.5.4": true, "192.168.1.1": true,
		"169.254.169.254": true, "fe80::1%eth0": true,
		"fd00::1": true, "0.0.0.0": true, "::": true, "100.64.0.1": true, "::ffff:10.0.0.1": true,
		"255.255.255.255": true, "224.0.0.1": true, "64:ff9b::7f00:1": true,
		"::ffff:100.64.0.1": true, "64:ff9b::7f00:1%eth0": true, "localhost": true, "api.localhost": true,
		"example.com": false, "93.184.215.14": false, "2606:2800:21f:cb07:6820:80da:af6b:8b2c": false,
	} {
		if got := outbox.IsLocal(host); got != local {
			t.Errorf("%s: local is %v", host, got)
		}
	}
}

// Proves that both secrets sign for a day after a secret was rolled, and then only the new one.
func TestRoll(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, nil)
		w := o.listens(rc)
		rolled, err := o.post.Roll(context.Background(), "", w.ID)
		must(t, err)
		if rolled.Secret == w.Secret || len(rolled.OldSecrets) != 1 || rolled.OldSecrets[0].Secret != w.Secret {
			t.Fatal("the secret was not rolled")
		}
		for _, key := range []billing.SigningSecret{w.Secret, rolled.Secret} {
			rc.mu.Lock()
			rc.key = key
			rc.mu.Unlock()
			o.account(1)
			o.run(w)
			if got := rc.parcels(); got[len(got)-1].valid != nil {
				t.Errorf("within the day: %v", got[len(got)-1].valid)
			}
		}
		d := o.sent(w)[0]
		for at, signatures := range map[time.Duration]int{
			outbox.OldSecretLives - time.Minute: 2, outbox.OldSecretLives + time.Minute: 1,
		} {
			signature, err := outbox.Sign(rolled, d, time.Now().Add(at))
			if must(t, err); len(strings.Fields(signature)) != signatures {
				t.Errorf("after %v: %s", at, signature)
			}
		}
	})
}

// Proves that after two rolls within a day all three secrets sign, each old one until the end of its own 24 hours. If
// MaxSecrets sign, the next roll is refused and changes nothing, until the oldest has ended.
func TestRollTwice(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		w := o.listens(newReceiver(t, nil))
		o.account(1)
		d, secrets := o.sent(w)[0], []billing.SigningSecret{w.Secret}
		roll := func(earlier time.Duration) (billing.Webhook, error) { // as if the rolls before were earlier
			must(t, o.db.InTx(ctx, func(tx *store.Tx) error {
				w, err := tx.LockWebhook(ctx, w.ID)
				for n := range w.OldSecrets {
					w.OldSecrets[n].Until = w.OldSecrets[n].Until.Add(-earlier)
				}
				return errors.Join(err, tx.SaveWebhook(ctx, w))
			}))
			rolled, err := o.post.Roll(ctx, "", w.ID)
			if err == nil {
				secrets = append(secrets, rolled.Secret)
			}
			return o.webhook(w), err
		}
		_, err := roll(0)
		must(t, err)
		now, err := roll(12 * time.Hour)
		must(t, err)
		for after, want := range map[time.Duration][]bool{
			time.Hour: {true, true, true}, 13 * time.Hour: {false, true, true}, 25 * time.Hour: {false, false, true},
		} {
			signature, err := outbox.Sign(now, d, time.Now().Add(after))
			must(t, err)
			for n, secret := range secrets {
				alone, err := outbox.Sign(billing.Webhook{Secret: secret}, d, time.Now().Add(after))
				must(t, err)
				if signs := slices.Contains(strings.Fields(signature), alone); signs != want[n] {
					t.Errorf("%v after the second roll, secret %d signs: %v", after, n+1, signs)
				}
			}
		}
		for range outbox.MaxSecrets - 3 {
			_, err := roll(0)
			must(t, err)
		}
		before := o.webhook(w)
		if now, err := roll(0); billing.CodeOf(err) != billing.EConflict || now.Secret != before.Secret ||
			!strings.Contains(err.Error(), before.OldSecrets[0].Until.UTC().Format(time.RFC3339)) {
			t.Errorf("a roll while %d secrets sign: %v", outbox.MaxSecrets, err)
		}
		if now, err := roll(13 * time.Hour); err != nil || len(now.OldSecrets) != outbox.MaxSecrets-1 {
			t.Errorf("after the oldest ended: %d old secrets, %v", len(now.OldSecrets), err)
		}
	})
}

// Proves that our signature matches the example that all official libraries use in their tests.
func TestSignature(t *testing.T) {
	t.Parallel()
	w := billing.Webhook{Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	d := billing.Delivery{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: `{"test": 2432232314}`}
	got, err := outbox.Sign(w, d, time.Unix(1614265330, 0))
	if err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s %v", got, err)
	}
}

// Proves that no format verb, log or JSON shows a secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	w := billing.Webhook{Secret: "whsec_very", OldSecrets: []billing.OldSecret{{Secret: "whsec_secret"}}}
	var log strings.Builder
	logTo(&log).Info("webhook", "webhook", w, "secret", w.Secret)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %x %q", w, w, w.Secret, w.Secret, w.Secret, w.OldSecrets), asJSON(t, w),
		log.String(),
	} {
		if strings.Contains(text, "very") || strings.Contains(text, "whsec") || strings.Contains(
			text, fmt.Sprintf("%x", "very"),
		) {
			t.Errorf("%s", text)
		}
	}
}
