package api

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/pkg/mail"
)

// The pages of development that show what was sent. They show every customer's mails to everyone, so no other server
// has them.

var mailsPage = template.Must(template.New("mails").Funcs(template.FuncMap{
	"lines": func(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") },
	"link": func(line string) bool {
		return strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")
	},
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mails, pointsync demo shop</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/shop/shop.css">
</head>
<body>
<header class="bar">
  <p class="mark"><strong>pointsync</strong> mails</p>
  <nav aria-label="Elsewhere"><a href="/">Demo shop</a> <a href="/docs">API docs</a>
    <a href="/mails.json">As JSON</a></nav>
</header>
<main>
  <h1 class="unseen">Mails</h1>
  <p>What this server has sent, newest first. No mail leaves this machine. Load the page again to see new ones.</p>
  {{range .}}<section>
    <h2>{{.Subject}}</h2>
    <p class="hint">To {{.To}}, {{.SentAt.Format "2 Jan 2006 15:04:05 MST"}}</p>
    <div class="panel scroll"><pre>{{range lines .Text}}{{if link .}}<a href="{{.}}">{{.}}</a>{{else}}{{.}}{{end}}
{{end}}</pre></div>
  </section>
  {{else}}<p class="empty">Nothing was sent yet.</p>
  {{end}}
</main>
</body>
</html>
`))

func showMails(folder *mail.Folder) echo.HandlerFunc {
	return func(c echo.Context) error {
		sent, err := folder.List()
		if err != nil {
			return err
		}
		c.Response().Header().Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
		c.Response().WriteHeader(http.StatusOK)
		return mailsPage.Execute(c.Response(), sent)
	}
}

func listMails(folder *mail.Folder) echo.HandlerFunc {
	return func(c echo.Context) error {
		sent, err := folder.List()
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, map[string]any{"mails": sent})
	}
}
