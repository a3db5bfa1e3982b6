package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// list is what a client reads page by page. It has an address with its query, and the name that a page gives to its
// rows. A function identifies a row, and returns "" for one that does not count. The expected rows are in order.
type list struct {
	path, rows string
	name       func(row answer) string
	want       []string
}

// TestPagesOfTwoAccounts proves that every list contains, in pages of every size, each row of its account or endpoint
// once and in order. It contains none of another account's rows that lie between them. Also proves that the cursor of
// someone else's page reveals none of their rows.
func TestPagesOfTwoAccounts(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		w.silence() // a webhook's sync would add to a timeline while it is read
		admin := w.admin(t)
		url, came := endpoint(t)
		told := map[string]string{} // types → endpoint
		for _, kind := range []string{"points.granted", "points.spent"} {
			wish := map[string]any{"url": url, "types": []string{kind}}
			made := admin.call(http.StatusCreated, http.MethodPost, "/admin/webhooks", wish)
			told[kind] = "/admin/webhooks/" + made.text("webhook.id")
		}
		actors := []*actor{
			{client: w.user(t), name: "a", pack: "pack_100"}, {client: w.user(t), name: "b", pack: "pack_1000"},
		}
		for n := 1; n <= 4; n++ {
			for _, a := range actors {
				a.acts(admin, n)
			}
		}
		entries := append(slices.Clone(actors[0].granted), actors[0].spent...)
		entries = append(append(entries, actors[1].granted...), actors[1].spent...)
		events := eventsOf(t, came, entries)
		for _, a := range actors {
			for _, l := range a.lists() {
				a.readsIt(l)
			}
			admin.readsIt(a.timeline())
		}
		for i, l := range actors[0].lists() {
			last := actors[1].call(http.StatusOK, http.MethodGet, actors[1].lists()[i].path+"limit=1", nil)
			page := actors[0].call(http.StatusOK, http.MethodGet, l.path+"cursor="+last.text("next_cursor"), nil)
			for _, row := range page.list(l.rows) {
				name := l.name(answer{json: row.(map[string]any)})
				admin.expect(slices.Contains(l.want, name), "%s by another's cursor has %s", l.path, name)
			}
		}
		for kind, of := range map[string]func(*actor) []string{
			"points.granted": func(a *actor) []string { return a.granted },
			"points.spent":   func(a *actor) []string { return a.spent },
		} {
			id := func(d answer) string { return d.text("event_id") }
			l := list{path: told[kind] + "/deliveries?", rows: "deliveries", name: id}
			for n := range 4 {
				for _, a := range actors {
					l.want = append(l.want, events[of(a)[n]])
				}
			}
			slices.Reverse(l.want)
			admin.readsIt(l)
		}
		admin.findsTheParked(t)
	})
}

// actor is a user who does the same as another one, and records it. Its rows differ from the other's by its name or its
// pack.
type actor struct {
	*client
	name, pack             string
	entries, holds, orders []string // descriptions and ids, oldest first
	granted, spent         []string // ids of entries
	story                  []string
}

func (a *actor) acts(admin *client, n int) {
	a.t.Helper()
	say := func(what string) string {
		words := fmt.Sprintf("%s%d %s", a.name, n, what)
		a.entries, a.story = append(a.entries, words), append(a.story, "points.moved "+words)
		return words
	}
	key := fmt.Sprint(a.name, n)
	made := func(path string, wish map[string]any) answer {
		a.t.Helper()
		return a.call(http.StatusCreated, http.MethodPost, path, wish, "Idempotency-Key", key)
	}
	gift, grants := say("gift"), "/admin/accounts/"+a.claims().text("sub")+"/grants"
	a.story = append(a.story, "admin.acted "+gift)
	given := admin.call(
		http.StatusCreated, http.MethodPost, grants, map[string]any{"amount": 10, "reason": gift}, "Idempotency-Key",
		key,
	)
	a.granted = append(a.granted, given.text("entry.id"))
	spend := map[string]any{"amount": 1, "description": say("spend")}
	a.spent = append(a.spent, a.call(http.StatusOK, http.MethodPost, "/points/spend", spend).text("spend.id"))
	held := made("/points/holds", map[string]any{"amount": 1, "ttl_seconds": 3600, "description": say("hold")})
	a.holds = append(a.holds, held.text("hold.id"))
	order := made("/checkout", map[string]any{"item": a.pack, "quantity": n}).text("order.id")
	a.orders, a.story = append(a.orders, order), append(a.story, fmt.Sprintf("order.made %d × %s", n, a.pack))
}

// lists returns the lists of a customer, newest first, as the contract says.
func (a *actor) lists() []list {
	text := func(member string) func(answer) string { return func(row answer) string { return row.text(member) } }
	lists := []list{
		{"/points/entries?", "entries", text("description"), slices.Clone(a.entries)},
		{"/points/holds?", "holds", text("id"), slices.Clone(a.holds)},
		{"/orders?", "orders", text("id"), slices.Clone(a.orders)},
	}
	for _, l := range lists {
		slices.Reverse(l.want)
	}
	return lists
}

var mark = regexp.MustCompile(`[ab]\d (gift|spend|hold)|\d × pack_1000?`)

// timeline returns what an admin reads about the account. Logins and syncs have no name of ours, and this test does not
// check how many there are.
func (a *actor) timeline() list {
	story := slices.Clone(a.story)
	slices.Reverse(story)
	return list{"/admin/accounts/" + a.claims().text("sub") + "/timeline?", "moments", func(m answer) string {
		if found := mark.FindString(m.text("text")); found != "" {
			return m.text("kind") + " " + found
		}
		return ""
	}, story}
}

// readsIt reads a list to its end in pages of several sizes. Each page but the last one is full, and the last one is
// marked as the last.
func (c *client) readsIt(l list) {
	c.t.Helper()
	for _, limit := range []int{1, 3, 100} {
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			page := c.call(http.StatusOK, http.MethodGet, l.path+"limit="+strconv.Itoa(limit)+cursor, nil)
			for _, row := range page.list(l.rows) {
				if name := l.name(answer{json: row.(map[string]any)}); name != "" {
					got = append(got, name)
				}
			}
			next := page.text("next_cursor")
			if next == "" {
				break
			}
			c.expect(
				len(page.list(l.rows)) == limit && pages < 100, "page %d of %s holds %d: %s", pages, l.path, limit,
				page.raw,
			)
			cursor = "&cursor=" + next
		}
		c.expect(
			len(l.want) > 3 && slices.Equal(got, l.want), "%s in pages of %d: %q\nwant %q", l.path, limit, got, l.want,
		)
	}
}

// eventsOf waits until an event was delivered for each of these entries, and returns the id of the event of each.
func eventsOf(t *testing.T, came chan post, entries []string) map[string]string {
	t.Helper()
	events := map[string]string{}
	for len(events) < len(entries) {
		select {
		case p := <-came:
			var told answer
			must(t, json.Unmarshal(p.raw, &told.json))
			entry := told.text("data.entry.id")
			if !slices.Contains(entries, entry) {
				t.Fatalf("told of %s, which is none of %v", p.raw, entries)
			}
			events[entry] = p.header.Get("webhook-id")
		case <-time.After(callPatience):
			t.Fatalf("told of %d entries of %d", len(events), len(entries))
		}
	}
	return events
}

// findsTheParked proves that the list of parked accounts, which covers all accounts, contains the parked ones and not
// those between them.
func (c *client) findsTheParked(t *testing.T) {
	t.Helper()
	l := list{
		path: "/admin/accounts?parked=true&", rows: "accounts", name: func(a answer) string { return a.text("id") },
	}
	for range 4 {
		waits := c.w.user(t)
		id := waits.claims().text("sub")
		waits.park("/admin/accounts/" + id)
		l.want = append(l.want, id)
		c.w.user(t)
	}
	slices.Sort(l.want)
	c.readsIt(l)
}
