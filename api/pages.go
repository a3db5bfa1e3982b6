package api

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/pointsync/pointsync/api/shop"
)

// docsPolicy lets the documentation page run the scripts and styles that its library writes inline.
const docsPolicy = "default-src 'none'; base-uri 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'"

// servePages installs the routes that do not speak JSON.
func servePages(e *echo.Echo, o Options, metrics *prometheus.Registry) error {
	metrics.MustRegister(
		newRunMetrics(o.DB), newOutgoingMetrics(o.DB), newStreamMetric(o.Accounts), newWorkMetrics(o.DB, o.Jobs),
		newPoolMetrics(o.DB), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if o.Metrics != nil {
		metrics.MustRegister(o.Metrics)
	}
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", openAPI) })
	docs := problemIfMissing(docsPage(o))
	e.GET("/docs", withPolicy(docsPolicy, docs))
	e.GET("/docs/*", withPolicy(docsPolicy, docs))
	if o.Mails != nil {
		e.GET("/mails", withPolicy(shop.Policy, showMails(o.Mails)))
		e.GET("/mails.json", listMails(o.Mails))
	}
	if o.Shop {
		page := shop.Page(o.SandboxURL)
		e.GET(
			"/",
			withPolicy(
				shop.Policy,
				func(c echo.Context) error { return c.Blob(http.StatusOK, "text/html; charset=utf-8", page) },
			),
		)
		e.GET("/shop/:file", withPolicy(shop.Policy, pageFile(shop.Files.ReadFile)))
	} else {
		e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs") })
	}
	serveConsole(e, o)
	return serveDocuments(e)
}

// signIn is what the documentation page has above it on a server with the demo shop: a button that makes an account and
// gives its token to the page.
//
//go:embed signin.html
var signIn string

// docsPage returns the documentation page and its files.
func docsPage(o Options) http.Handler {
	c := swgui.Config{Title: "pointsync", SwaggerJSON: "/openapi.yaml", BasePath: "/docs"}
	if o.Shop {
		c.PrependHTML = template.HTML(signIn) //nolint:gosec // ours
	}
	return v5emb.NewHandlerWithConfig(c)
}

// problemIfMissing returns a handler of pages whose missing files are problems, as everywhere.
func problemIfMissing(pages http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := &missing{ResponseWriter: c.Response()}
		pages.ServeHTTP(w, c.Request())
		if w.isMissing {
			return echo.ErrNotFound
		}
		return nil
	}
}

// missing passes a response on unless it is a 404.
type missing struct {
	http.ResponseWriter
	isMissing bool
}

// WriteHeader notes a 404.
func (m *missing) WriteHeader(status int) {
	if m.isMissing = status == http.StatusNotFound; !m.isMissing {
		m.ResponseWriter.WriteHeader(status)
	}
}

// Write drops the text of a 404.
func (m *missing) Write(b []byte) (int, error) {
	if m.isMissing {
		return len(b), nil
	}
	return m.ResponseWriter.Write(b)
}

// pageFile serves the modules of a page, and its style sheets.
func pageFile(read func(name string) ([]byte, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		content, err := read(c.Param("file"))
		if err != nil {
			return echo.ErrNotFound
		}
		kind := "text/javascript; charset=utf-8"
		if strings.HasSuffix(c.Param("file"), ".css") {
			kind = "text/css; charset=utf-8"
		}
		return c.Blob(http.StatusOK, kind, content)
	}
}

// withPolicy sets what a page may load. It also keeps the page, and its files, apart from pages of other origins: they
// get no handle on its window, and cannot embed what it is made of.
func withPolicy(policy string, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		return next(c)
	}
}
