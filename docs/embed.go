// Package docs puts the pages of this folder into the program. It holds no code; pkg/manual makes a server's pages of
// them.
package docs

import "embed"

// Files are the pages, as they are.
//
//go:embed *.md */*.md
var Files embed.FS
