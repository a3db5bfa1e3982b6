// Package docs puts the pages of this folder into the program. It holds no code; pkg/manual makes a server's pages of
// them.
package docs

import "embed"

// Files are the pages of this folder and of guides, as they are. A server shows those that README.md lists for users of
// the API.
//
//go:embed *.md guides/*.md
var Files embed.FS
