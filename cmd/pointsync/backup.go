package main

import (
	"context"
	"fmt"
)

type backupCmd struct {
	File string `arg:"" help:"The file to write. It must not exist."`

	target
}

// Run copies a SQLite database while servers use it.
func (b backupCmd) Run(ctx context.Context) error {
	db, closeAll, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := db.BackUp(ctx, b.File); err != nil {
		return err
	}
	fmt.Printf("The database as it is now is in %s.\n", b.File)
	return nil
}
