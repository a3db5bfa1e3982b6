package sandbox

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/sandbox/pages"
)

const (
	panelPage   = 25 // rows of a list
	panelGlance = 6  // rows of a list that shares its page with others
	panelEvents = 24 // rows of the list of events beside the overview
)

// look calls work with the world's lock held. The lock is released even if work panics.
func (s *Sandbox) look(work func(*world)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	work(s.world)
}

// drawPanel writes the page of the panel that work returns. It holds the world's lock while work runs. If work returns
// nil, there is no such page.
func (s *Sandbox) drawPanel(out http.ResponseWriter, r *http.Request, here string, work func(*world) *pages.PanelView) {
	var view *pages.PanelView
	s.look(func(w *world) {
		if view = work(w); view != nil {
			view.Nav, view.Clock, view.Flash = w.panelNav(here), w.panelClock(), s.said.take(r.URL.Query().Get("said"))
		}
	})
	if view == nil {
		s.showNothing(out, r)
		return
	}
	// The Referer of a form tells us which page to return to.
	s.drawUnder(
		out, http.StatusOK, pages.PanelPolicy(), "same-origin",
		func(to io.Writer) error { return pages.Panel(to, *view) },
	)
}

// showIndex serves the overview: what waits for a decision, the newest rows of each book, and the events as they
// happen.
func (s *Sandbox) showIndex(out http.ResponseWriter, r *http.Request) {
	s.drawPanel(out, r, "", func(w *world) *pages.PanelView {
		view := &pages.PanelView{Title: "Overview"}
		if len(w.Customers.ids)+len(w.Sessions.ids)+len(w.Intents.ids)+len(w.SetupIntents.ids) == 0 {
			view.Start = startAt(r)
			view.Tables = []pages.Table{s.bookOf(w, *bookAt("events"), panelGlance, "", nil)}
			return view
		}
		open := s.bookOf(
			w,
			book{path: "waiting", title: "Waiting for you", columns: []string{"What", "Amount", "Since"}, all: waiting},
			panelGlance, "", nil,
		)
		if open.Older = ""; len(open.Rows) > 0 {
			view.Tables = append(view.Tables, open)
		}
		for _, each := range books {
			if each.glance {
				shown := s.bookOf(w, each, panelGlance, "", nil)
				if shown.All = ""; len(shown.Rows) > 0 {
					shown.All = "/panel/" + each.path
				}
				shown.Older = ""
				view.Tables = append(view.Tables, shown)
			}
		}
		feed := s.bookOf(w, *bookAt("events"), panelEvents, "", nil)
		for i, each := range feed.Rows { // there is little room: no buttons, and the event's subject beside its time
			feed.Rows[i].Cells = []pages.Cell{{Text: each.Cells[0].Text, Detail: each.Detail}}
			feed.Rows[i].Acts, feed.Rows[i].Detail = nil, ""
		}
		feed.Title, feed.Compact, feed.All, feed.Older = "Events, as they happen", true, "/panel/events", ""
		view.Feed = &feed
		return view
	})
}

// showBook serves the list of all things of one kind, one page at a time.
func (s *Sandbox) showBook(out http.ResponseWriter, r *http.Request) {
	path := r.PathValue("book")
	s.drawPanel(out, r, path, func(w *world) *pages.PanelView {
		found := bookAt(path)
		if found == nil {
			return nil
		}
		shown := s.bookOf(w, *found, panelPage, r.URL.Query().Get("after"), nil)
		shown.Alone = true
		view := &pages.PanelView{Title: found.title, Tables: []pages.Table{shown}}
		switch path {
		case "faults":
			view.Faults = &pages.FaultForm{Calls: callFaults, Deliveries: deliveryFaults}
			if len(shown.Rows) > 0 {
				view.Tables[0].Acts = []pages.Act{{Action: "clear", Text: "Clear all", Danger: true}}
			}
		case "endpoints":
			view.Endpoints = true
		}
		return view
	})
}

// searchPanel finds things by id, and customers by a part of their email or name. It redirects to the page of a thing
// that it finds by id.
func (s *Sandbox) searchPanel(out http.ResponseWriter, r *http.Request) {
	wanted := strings.TrimSpace(r.URL.Query().Get("q"))
	known := false
	s.look(func(w *world) { known = w.find(wanted) != nil })
	if known {
		http.Redirect(out, r, objectPath(wanted), http.StatusSeeOther)
		return
	}
	s.drawPanel(out, r, "customers", func(w *world) *pages.PanelView {
		customers := *bookAt("customers")
		customers.title, customers.empty, customers.command = "Customers found", "Nothing has this id, and no customer an email or name with that in it.", ""
		like := strings.ToLower(wanted)
		shown := s.bookOf(w, customers, panelPage, "", func(v any) bool {
			holder := v.(*customer)
			return like != "" && (strings.Contains(
				strings.ToLower(string(holder.Email)), like,
			) || strings.Contains(strings.ToLower(string(holder.Name)), like))
		})
		shown.Alone, shown.Older = true, "" // no link to more: type more of the name instead
		return &pages.PanelView{Title: "Find “" + wanted + "”", Query: wanted, Tables: []pages.Table{shown}}
	})
}

func (w *world) panelNav(here string) []pages.NavItem {
	items := []pages.NavItem{{Text: "Overview", URL: "/", Here: here == ""}}
	for _, each := range books {
		items = append(
			items,
			pages.NavItem{Text: each.title, URL: "/panel/" + each.path, Here: here == each.path, Count: each.count(w)},
		)
	}
	return items
}

func (w *world) panelClock() pages.Clock {
	now := w.mainTime()
	clock := pages.Clock{
		Date:     now.Format("Mon 2 Jan 2006"),
		Time:     now.Format("15:04:05"),
		Millis:   now.UnixMilli(),
		Distance: "In step with real time",
		First:    firstOfNext(now).Format("2 Jan"),
	}
	switch offset := w.ClockOffset.Round(time.Second); {
	case offset >= time.Second:
		clock.Distance = wordDuration(offset) + " ahead of real time"
	case offset <= -time.Second:
		clock.Distance = wordDuration(-offset) + " behind real time"
	}
	return clock
}

func startAt(r *http.Request) *pages.Start {
	base := origin(r)
	at, err := url.Parse(base)
	if err != nil { // a Host header that is not a host: the guard let an unusual name pass
		return &pages.Start{Base: base}
	}
	host, port := at.Hostname(), at.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[at.Scheme]
	}
	return &pages.Start{Base: base, Host: host, Port: port}
}

func objectPath(id string) string { return "/panel/object/" + url.PathEscape(id) }

// wordDuration returns a duration in words, in its two largest units: "31 days", "2 hours 5 minutes".
func wordDuration(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int64(d / unit.size); n > 0 && len(parts) < 2 {
			d -= time.Duration(n) * unit.size
			parts = append(parts, counted(n, unit.name))
		}
	}
	return strings.Join(parts, " ")
}

func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}
