package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/munnerz/goautoneg"

	"github.com/pointsync/pointsync/pkg/manual"
)

// explained is what a server says about a type of problem: JSON for programs, a page for people.
type explained struct {
	Type     ProblemType     `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	When     []string        `json:"when"`
	WhatToDo string          `json:"what_to_do"`
	Example  json.RawMessage `json:"example_response"` // a Problem with the members of its type

	page []byte
}

// serveDocuments installs the routes of the pages of manual.
func serveDocuments(e *echo.Echo) error {
	pages, err := manual.Load()
	if err != nil {
		return err
	}
	problems := map[string]explained{}
	for _, p := range pages.Problems {
		var page bytes.Buffer
		if err := problemPage.Execute(&page, map[string]any{"This": p, "All": pages.Problems}); err != nil {
			return err
		}
		problems[p.Code] = explained{
			ProblemType("/problems/" + p.Code), p.Title, p.Status, p.When, p.WhatToDo, p.Example, page.Bytes(),
		}
	}
	e.GET("/problems/:code", explainProblem(problems))
	e.GET("/guides/:page", func(c echo.Context) error {
		text, ok := pages.Guides[c.Param("page")]
		if !ok {
			return echo.ErrNotFound
		}
		return c.Blob(http.StatusOK, "text/markdown; charset=utf-8", []byte(text))
	})
	e.GET("/llms.txt", func(c echo.Context) error { return c.String(http.StatusOK, pages.LLMs) })
	return nil
}

// explainProblem serves the address in a problem's `type`, as RFC 9457 recommends: JSON unless the caller prefers HTML.
func explainProblem(problems map[string]explained) echo.HandlerFunc {
	html := withPolicy(problemPolicy, func(c echo.Context) error {
		return c.HTMLBlob(http.StatusOK, problems[c.Param("code")].page)
	})
	return func(c echo.Context) error {
		p, ok := problems[c.Param("code")]
		if !ok {
			return echo.ErrNotFound
		}
		c.Response().Header().Add(echo.HeaderVary, echo.HeaderAccept)
		offered := []string{echo.MIMEApplicationJSON, echo.MIMETextHTML}
		if goautoneg.Negotiate(c.Request().Header.Get(echo.HeaderAccept), offered) == echo.MIMETextHTML {
			return html(c)
		}
		return c.JSON(http.StatusOK, p)
	}
}

// problemStyle is the style of those pages, known to problemPolicy by its hash.
const problemStyle = `
body { margin: 0 auto; max-width: 42rem; padding: 2rem 1rem; font: 1rem/1.6 system-ui, sans-serif; }
h1 { line-height: 1.2; margin: 0.2rem 0 1.5rem; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { border: 1px solid; border-radius: 6px; padding: 1rem; white-space: pre-wrap; }
nav { border-top: 1px solid; margin-top: 2rem; padding-top: 1rem; }
`

var problemPolicy = "default-src 'none'; style-src '" + hashOf(problemStyle) + "'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// hashOf returns the hash by which a Content-Security-Policy allows an inline script or style.
func hashOf(inline string) string {
	sum := sha256.Sum256([]byte(inline))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

var problemPage = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.This.Title}} ({{.This.Status}}), pointsync</title>
<link rel="icon" href="data:,">
<style>` + problemStyle + `</style>
</head>
<body>
<main>
<p>{{.This.Status}} <code>/problems/{{.This.Code}}</code></p>
<h1>{{.This.Title}}</h1>
{{.This.Page}}</main>
<nav aria-label="Elsewhere">
<details><summary>All problems</summary>
<ul>
{{range .All}}<li><a href="/problems/{{.Code}}">{{.Title}}</a> ({{.Status}})</li>
{{end}}</ul>
</details>
<p><a href="/docs">API docs</a></p>
</nav>
</body>
</html>
`))
