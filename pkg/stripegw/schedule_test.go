package stripegw_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const (
	// Two seats of basic from second 100 to 200.
	ourItem = `"items":{"data":[{"id":"si_1","quantity":2,"price":{"id":"price_1","metadata":{"pointsync_item":"basic"}}}]}`
	ofNow   = `"id":"sub_1","status":"active","current_period_start":100,"current_period_end":200`
)

// ledBy returns a subscription that a schedule controls. Its first phase is the period, and others are added.
func ledBy(status, end string, phases ...string) string {
	led := fmt.Sprintf(`"schedule":{"id":"sub_sched_1","status":%q,"end_behavior":%q,"current_phase":{"start_date":100,"end_date":200},`+
		`"phases":[{"start_date":100,"end_date":200,"items":[{"price":"price_1","quantity":2}]}`, status, end)
	for _, p := range phases {
		led += "," + p
	}
	return led + "]}"
}

func phase(from, to int, price string, quantity int) string {
	return fmt.Sprintf(
		`{"start_date":%d,"end_date":%d,"items":[{"price":%q,"quantity":%d}]}`, from, to, price, quantity,
	)
}

// Proves what is returned of a subscription's future. It ends at the earliest of its dates, however they were set. The
// first phase that has another price or quantity of ours is the coming change. Price 1 is basic, price 2 is pro, price
// 9 is not ours.
func TestWhatComes(t *testing.T) {
	t.Parallel()
	toPro := billing.ScheduledChange{Plan: "pro", Quantity: 2, At: sec(200)}
	for name, c := range map[string]struct {
		subscription string
		ends         int64 // 0: never
		atPeriodEnd  bool
		change       *billing.ScheduledChange
	}{
		"Nothing":                {ofNow, 0, false, nil},
		"AtPeriodEnd":            {ofNow + `,"cancel_at_period_end":true`, 200, true, nil},
		"AtADate":                {ofNow + `,"cancel_at":150`, 150, false, nil},
		"AtADateThatIsPeriodEnd": {ofNow + `,"cancel_at":200`, 200, true, nil},
		"DateBeforePeriodEnd":    {ofNow + `,"cancel_at":150,"cancel_at_period_end":true`, 150, false, nil},
		"DateAfterPeriodEnd":     {ofNow + `,"cancel_at":250,"cancel_at_period_end":true`, 200, true, nil},
		"Ended":                  {ofNow + `,"ended_at":130,"cancel_at":150`, 130, false, nil},
		"EndedInASchedule": {
			ofNow + `,"ended_at":130,` + ledBy("active", "release", phase(200, 300, "price_2", 2)), 130, false, nil,
		},
		"Change": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_2", 2)), 0, false, &toPro,
		},
		"Quantity": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_1", 5)), 0, false,
			&billing.ScheduledChange{Plan: "basic", Quantity: 5, At: sec(200)},
		},
		"NoChange": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_1", 2)), 0, false, nil,
		},
		"ChangeLater": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_1", 2), phase(300, 400, "price_2", 1)), 0,
			false, &billing.ScheduledChange{Plan: "pro", Quantity: 1, At: sec(300)},
		},
		"FirstOfTwoChanges": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_2", 2), phase(300, 400, "price_1", 7)), 0,
			false, &toPro,
		},
		"WithoutOurs": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_9", 2)), 200, true, nil,
		},
		"ChangeThenWithoutOurs": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_2", 2), phase(300, 400, "price_9", 1)), 300,
			false, &toPro,
		},
		"WithoutOursThenOursAgain": {
			ofNow + "," + ledBy("active", "release", phase(200, 300, "price_9", 2), phase(300, 400, "price_2", 1)), 200,
			true, nil,
		},
		"BesideAnother": {ofNow + "," + ledBy(
			"active", "release",
			`{"start_date":200,"end_date":300,"items":[{"quantity":4},{"price":"price_9","quantity":1},{"price":"price_2","quantity":2}]}`,
		),
			0, false, &toPro},
		"EndsWithSchedule": {
			ofNow + "," + ledBy("active", "cancel", phase(200, 300, "price_2", 2)), 300, false, &toPro,
		},
		"EndsWithPeriod": {ofNow + "," + ledBy("active", "cancel"), 200, true, nil},
		"EndsBeforeSchedule": {
			ofNow + `,"cancel_at":250,` + ledBy("active", "cancel", phase(200, 300, "price_1", 2)), 250, false, nil,
		},
		"EndsAfterSchedule": {
			ofNow + `,"cancel_at":350,` + ledBy("active", "cancel", phase(200, 300, "price_1", 2)), 300, false, nil,
		},
		"EndsWithoutPhases": {
			ofNow + `,"schedule":{"id":"sub_sched_1","status":"active","end_behavior":"cancel","current_phase":{"start_date":100,"end_date":200}}`,
			0, false, nil,
		},
		"Released": {
			ofNow + "," + ledBy("released", "cancel", phase(200, 300, "price_2", 2)), 0, false, nil,
		},
		"NotStarted": {
			ofNow + "," + ledBy("not_started", "cancel", phase(200, 300, "price_2", 2)), 0, false, nil,
		},
		"WithoutACurrentPhase": {
			ofNow + `,"schedule":{"id":"sub_sched_1","status":"active","end_behavior":"cancel","phases":[` +
				phase(200, 300, "price_2", 2) + `]}`,
			0, false, nil,
		},
		"PastPhasesAreNoChange": {
			ofNow + `,"schedule":{"id":"sub_sched_1","status":"active","current_phase":{"start_date":100,"end_date":200},"phases":[` + phase(1, 100, "price_2", 2) + `]}`,
			0, false, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := newScript(t, map[string]string{
				"GET /v1/subscriptions/sub_1": "{" + c.subscription + "," + ourItem + "}",
				"GET /v1/prices/price_2":      `{"id":"price_2","metadata":{"pointsync_item":"pro"}}`,
				"GET /v1/prices/price_9":      `{"id":"price_9","lookup_key":"other"}`,
			})
			got, err := g.Subscription(t.Context(), "sub_1")
			if err != nil {
				t.Fatal(err)
			}
			var ends *time.Time
			if c.ends != 0 {
				ends = ptr(sec(c.ends))
			}
			same(t, "end", got.EndsAt, ends)
			same(t, "with the period", got.CancelAtPeriodEnd, c.atPeriodEnd)
			same(t, "change", got.Scheduled, c.change)
		})
	}
}

// Proves that for a subscription without an item of ours no future is returned, whatever controls it.
func TestWhatComesOfAnothers(t *testing.T) {
	t.Parallel()
	g, s := newScript(
		t,
		map[string]string{
			"GET /v1/subscriptions/sub_1": "{" + ofNow + "," + ledBy(
				"active", "cancel", phase(200, 300, "price_2", 2),
			) + "}",
		},
	)
	got, err := g.Subscription(t.Context(), "sub_1")
	if err != nil || got.EndsAt != nil || got.Scheduled != nil || len(s.calls()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Proves that the item of a price is requested once, and that a price that is gone is not ours. An error of Stripe's
// does not mean that the subscription ends.
func TestWhatComesIsAsked(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{
		"GET /v1/subscriptions/sub_1": "{" + ofNow + "," + ledBy(
			"active", "release", phase(200, 300, "price_2", 2), phase(300, 400, "price_2", 2),
		) + "," + ourItem + "}",
		"GET /v1/prices/price_2": "503 ",
	})
	if got, err := g.Subscription(t.Context(), "sub_1"); billing.CodeOf(err) != billing.EStripeUnavailable ||
		got.EndsAt != nil {
		t.Errorf("%+v, %v", got, err)
	}
	s.answers["GET /v1/prices/price_2"] = "403 "
	if got, err := g.Subscription(t.Context(), "sub_1"); billing.CodeOf(err) != billing.EStripeRefused ||
		got.EndsAt != nil {
		t.Errorf("%+v, %v", got, err)
	}
	delete(s.answers, "GET /v1/prices/price_2")
	if got, err := g.Subscription(t.Context(), "sub_1"); err != nil || got.EndsAt == nil ||
		!got.EndsAt.Equal(sec(200)) {
		t.Errorf("%+v, %v", got, err)
	}
	s.answers["GET /v1/prices/price_2"] = `{"id":"price_2","metadata":{"pointsync_item":"pro"}}`
	s.calls()
	for range 2 {
		if got, err := g.Subscription(t.Context(), "sub_1"); err != nil || got.Scheduled == nil ||
			got.Scheduled.Plan != "pro" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	asked := s.calls()
	prices := 0
	for _, call := range asked {
		if call == "GET /v1/prices/price_2" {
			prices++
		}
	}
	if prices != 1 {
		t.Errorf("the price was asked for %d times: %q", prices, asked)
	}
}

// Proves that taking back a scheduled change succeeds if the schedule has ended already, and only then.
func TestReleaseSchedule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		release, look string
		want          billing.Code
	}{
		"Released":        {`{"id":"sub_sched_1"}`, "403 ", ""},
		"WasReleased":     {"400 ", `{"id":"sub_sched_1","status":"released"}`, ""},
		"WasCanceled":     {"400 ", `{"id":"sub_sched_1","status":"canceled"}`, ""},
		"WasCompleted":    {"400 ", `{"id":"sub_sched_1","status":"completed"}`, ""},
		"IsActive":        {"400 ", `{"id":"sub_sched_1","status":"active"}`, billing.EStripeRefused},
		"HasNotBegun":     {"400 ", `{"id":"sub_sched_1","status":"not_started"}`, billing.EStripeRefused},
		"CannotBeLooked":  {"400 ", "403 ", billing.EStripeRefused},
		"Forbidden":       {"403 ", `{"id":"sub_sched_1","status":"released"}`, billing.EStripeRefused},
		"StripeIsAway":    {"503 ", `{"id":"sub_sched_1","status":"released"}`, billing.EStripeUnavailable},
		"TooManyRequests": {"429 ", `{"id":"sub_sched_1","status":"released"}`, billing.EStripeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(
				t,
				map[string]string{
					"POST /v1/subscription_schedules/sub_sched_1/release": c.release,
					"GET /v1/subscription_schedules/sub_sched_1":          c.look,
				},
			)
			if err := g.ReleaseSchedule(t.Context(), "sub_sched_1", "key"); billing.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			if calls := s.calls(); calls[0] != "POST /v1/subscription_schedules/sub_sched_1/release key" {
				t.Errorf("asked %q", calls)
			}
		})
	}
}

// richPhase is what a schedule's update must repeat: two prices, of which ours is the first, a coupon, a trial and a
// payment method.
const richPhase = `{"start_date":100,"end_date":200,"trial_end":150,"coupon":"half","default_payment_method":"pm_1",` +
	`"items":[{"price":"price_1","quantity":2},{"price":"price_9","quantity":3}]}`

const plainPhase = `{"start_date":50,"end_date":100,"items":[{"price":"price_1","quantity":1}]}`

// Proves what a change at the period's end requests: the current phase as it is, until the period's end, and one more
// with the new price in place of ours. If no schedule controls the subscription, one is created first, and a repeat
// continues with it.
func TestScheduleItem(t *testing.T) {
	t.Parallel()
	n := stripegw.NewItem{Subscription: "sub_1", Item: "si_1", Price: "price_2", Quantity: 5, Key: "key"}
	const (
		rich = "POST /v1/subscription_schedules/sub_sched_1 end_behavior=release" +
			"&phases[0][coupon]=half&phases[0][default_payment_method]=pm_1&phases[0][end_date]=210" +
			"&phases[0][items][0][price]=price_1&phases[0][items][0][quantity]=2&phases[0][items][1][price]=price_9&phases[0][items][1][quantity]=3" +
			"&phases[0][start_date]=100&phases[0][trial_end]=150" +
			"&phases[1][coupon]=half&phases[1][default_payment_method]=pm_1" +
			"&phases[1][items][0][price]=price_2&phases[1][items][0][quantity]=5&phases[1][items][1][price]=price_9&phases[1][items][1][quantity]=3" +
			"&phases[1][iterations]=1&phases[1][proration_behavior]=none&proration_behavior=none key-phases"
		plain = "POST /v1/subscription_schedules/sub_sched_1 end_behavior=release" +
			"&phases[0][end_date]=210&phases[0][items][0][price]=price_1&phases[0][items][0][quantity]=1&phases[0][start_date]=50" +
			"&phases[1][items][0][price]=price_2&phases[1][items][0][quantity]=5&phases[1][iterations]=1&phases[1][proration_behavior]=none&proration_behavior=none key-phases"
		making = "POST /v1/subscription_schedules from_subscription=sub_1 key-schedule"
	)
	for name, c := range map[string]struct {
		led    billing.ScheduleID
		made   string // the schedule
		asked  []string
		refuse billing.Code
	}{
		"New": {"", `{"id":"sub_sched_1","phases":[` + plainPhase + `]}`, []string{making, plain}, ""},
		"Led": {"sub_sched_1", `{"id":"sub_sched_1","current_phase":{"start_date":100,"end_date":200},"phases":[` +
			plainPhase + "," + richPhase + "," + phase(200, 300, "price_2", 1) + `]}`,
			[]string{
				"GET /v1/subscription_schedules/sub_sched_1", "GET /v1/prices/price_1", "GET /v1/prices/price_9", rich,
			}, ""},
		"LedByItsFirstPhase": {"sub_sched_1", `{"id":"sub_sched_1","current_phase":{"start_date":50,"end_date":100},"phases":[` + plainPhase + "," + richPhase + `]}`,
			[]string{"GET /v1/subscription_schedules/sub_sched_1", plain}, ""},
		"WithoutPhases": {"", `{"id":"sub_sched_1","phases":[]}`, []string{making}, billing.EStripeRefused},
		"NotMade":       {"", "403 ", []string{making}, billing.EStripeRefused},
		"NotShown": {
			"sub_sched_1", "503 ", []string{"GET /v1/subscription_schedules/sub_sched_1"}, billing.EStripeUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{
				"POST /v1/subscription_schedules":             c.made,
				"GET /v1/subscription_schedules/sub_sched_1":  c.made,
				"POST /v1/subscription_schedules/sub_sched_1": `{"id":"sub_sched_1"}`,
				"GET /v1/prices/price_1":                      `{"id":"price_1","metadata":{"pointsync_item":"basic"}}`,
				"GET /v1/prices/price_9":                      `{"id":"price_9"}`,
			})
			if err := g.ScheduleItem(t.Context(), n, c.led, 210); billing.CodeOf(err) != c.refuse {
				t.Errorf("%v, want %q", err, c.refuse)
			}
			same(t, "asked", s.calls(), c.asked)
		})
	}
	t.Run("OtherItemIsNotKnown", func(t *testing.T) {
		t.Parallel()
		g, s := newScript(t, map[string]string{
			"POST /v1/subscription_schedules": `{"id":"sub_sched_1","phases":[` + richPhase + `]}`,
			"GET /v1/prices/price_1":          "503 ",
		})
		if err := g.ScheduleItem(t.Context(), n, "", 210); billing.CodeOf(err) != billing.EStripeUnavailable {
			t.Error(err)
		}
		same(t, "asked", s.calls(), []string{making, "GET /v1/prices/price_1"})
	})
	t.Run("UpdateRefused", func(t *testing.T) {
		t.Parallel()
		g, _ := newScript(
			t,
			map[string]string{
				"POST /v1/subscription_schedules":             `{"id":"sub_sched_1","phases":[` + plainPhase + `]}`,
				"POST /v1/subscription_schedules/sub_sched_1": "403 ",
			},
		)
		if err := g.ScheduleItem(t.Context(), n, "", 210); billing.CodeOf(err) != billing.EStripeRefused {
			t.Error(err)
		}
	})
}

// Proves that if a schedule controls a subscription, that schedule ends it: one phase, until the period's end, and no
// more.
func TestEndScheduled(t *testing.T) {
	t.Parallel()
	const look = "GET /v1/subscription_schedules/sub_sched_1"
	for name, c := range map[string]struct {
		made   string
		asked  []string
		refuse billing.Code
	}{
		"OK": {`{"id":"sub_sched_1","current_phase":{"start_date":50,"end_date":100},"phases":[` + plainPhase + "," +
			richPhase + `]}`, []string{
			look, "POST /v1/subscription_schedules/sub_sched_1 end_behavior=cancel&phases[0][end_date]=210&phases[0][items][0][price]=price_1" +
				"&phases[0][items][0][quantity]=1&phases[0][start_date]=50&proration_behavior=none key",
		}, ""},
		"WithoutPhases": {`{"id":"sub_sched_1"}`, []string{look}, billing.EStripeRefused},
		"NotShown":      {"403 ", []string{look}, billing.EStripeRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(
				t,
				map[string]string{look: c.made, "POST /v1/subscription_schedules/sub_sched_1": `{"id":"sub_sched_1"}`},
			)
			if err := g.EndScheduled(t.Context(), "sub_sched_1", 210, "key"); billing.CodeOf(err) != c.refuse {
				t.Errorf("%v, want %q", err, c.refuse)
			}
			same(t, "asked", s.calls(), c.asked)
		})
	}
}
