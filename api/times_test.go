package api_test

import (
	"fmt"
	"regexp"
)

var (
	timeShaped = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d`)
	timeForm   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
)

// heldTimes refuses a JSON value in which a time has another form than the contract promises: RFC 3339 in UTC with
// three digits of a second. What a caller wrote into metadata is theirs.
func heldTimes(path string, v any) error {
	switch v := v.(type) {
	case string:
		if timeShaped.MatchString(v) && !timeForm.MatchString(v) {
			return fmt.Errorf("the time %s at %s has not three digits of a second", v, path)
		}
	case []any:
		for i, one := range v {
			if err := heldTimes(fmt.Sprintf("%s/%d", path, i), one); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, one := range v {
			if name == "metadata" {
				continue
			}
			if err := heldTimes(path+"/"+name, one); err != nil {
				return err
			}
		}
	}
	return nil
}
