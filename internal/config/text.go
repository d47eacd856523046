package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is a TCP address, "host:port"; an empty host means every interface.
type Address string

// UnmarshalText refuses what net.Listen would refuse later.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is not an address: write host:port, like 127.0.0.1:8080", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535", text)
	} else if strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%q: write the port without leading zeros", text)
	}
	*a = Address(text)
	return plain(string(text))
}

// Path is the name of a file or folder; a leading "~/" is the user's home folder.
type Path string

// UnmarshalText opens up "~/", which no shell does inside a file.
func (p *Path) UnmarshalText(text []byte) error {
	path := string(text)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		path = filepath.Join(home, rest)
	}
	*p = Path(path)
	return plain(path)
}

// plain refuses text that no file can hold and no log can show.
func plain(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("the text is not valid UTF-8")
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%q holds a control character", text)
	}
	return nil
}
