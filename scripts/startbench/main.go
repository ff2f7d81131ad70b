// Command startbench measures what it costs to start a command through worker-wrap and through its peers, at several
// sizes of the mount table. It compares that with the command alone, and with the least that any program must do
// (c/floor.c). scripts/bench builds and runs it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// options are the command line's.
type options struct {
	binary, bare, floor string // paths of worker-wrap, c/true.c and c/floor.c as built
	goexec              string // and of goexec
	started, exec       string // c/started.c and c/exec.c, built
	old                 string // of the worker-wrap to compare with, if there is one
	bwrap               string // bubblewrap
	mounts              []int  // how many mounts to add to the machine's own, one measurement each
	rounds              int    // runs of each peer at no more mounts
	manyRounds          int    // the same at any more
	only                string // peers to measure, comma-separated; all if empty
	disk                bool   // let the folders lie in /var/tmp and not on a tmpfs
	private             bool   // leave the mounts private rather than shared as systemd has them
	jsonFile, picture   string // where to write, if not empty; - is stdout
	from                string // a JSON file to draw instead of measuring
	check               bool   // fail if the targets are not met
}

func main() {
	var o options
	var mounts string
	flag.StringVar(&o.binary, "binary", "", "the worker-wrap `file` to measure")
	flag.StringVar(&o.bare, "bare", "", "c/true.c, built")
	flag.StringVar(&o.floor, "floor", "", "c/floor.c, built")
	flag.StringVar(&o.goexec, "goexec", "", "goexec, built")
	flag.StringVar(&o.started, "started", "", "c/started.c, built")
	flag.StringVar(&o.exec, "exec", "", "c/exec.c, built")
	flag.StringVar(&o.old, "old", "", "an older worker-wrap `file` to compare with")
	flag.StringVar(&o.bwrap, "bwrap", "bwrap", "bubblewrap's `program`")
	flag.StringVar(&mounts, "mounts", "0,5000", "mounts to add to the machine's own, one measurement each")
	flag.IntVar(&o.rounds, "rounds", 300, "runs of each with no mounts added")
	flag.IntVar(&o.manyRounds, "many-rounds", 40, "runs of each with mounts added")
	flag.StringVar(&o.only, "only", "", "measure only these `peers`, comma-separated")
	flag.BoolVar(&o.private, "private", false, "measure with all mounts private, not shared as systemd has them")
	flag.BoolVar(&o.disk, "disk", false, "let the runners' folders lie in /var/tmp, not on a tmpfs")
	flag.StringVar(&o.jsonFile, "json", "", "write the figures as JSON to `file`")
	flag.StringVar(&o.picture, "picture", "", "measure at 0 to 5,000 more mounts and draw the result as SVG to `file`")
	flag.StringVar(&o.from, "from", "", "draw the figures of this JSON `file` instead of measuring")
	flag.BoolVar(&o.check, "check", false, "exit 1 if a target is missed")
	flag.Parse()
	if o.picture != "" && !flagGiven("mounts") {
		mounts = "0,250,500,1000,2000,3000,4000,5000"
	}
	for _, field := range strings.Split(mounts, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 0 {
			fail(fmt.Errorf("-mounts: %q is not a number of mounts", field))
		}
		o.mounts = append(o.mounts, n)
	}
	met, err := run(o)
	if err != nil {
		fail(err)
	}
	if o.check && !met {
		os.Exit(1)
	}
}

func flagGiven(name string) bool {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "scripts/bench:", err)
	os.Exit(1)
}

// run measures, or reads figures, and writes what is asked for. It tells whether all targets were met.
func run(o options) (bool, error) {
	var r report
	if o.from != "" {
		data, err := os.ReadFile(o.from)
		if err != nil {
			return false, err
		}
		if err := json.Unmarshal(data, &r); err != nil {
			return false, fmt.Errorf("%s: %w", o.from, err)
		}
	} else {
		var err error
		if r, err = measureAll(o); err != nil {
			return false, err
		}
	}
	fmt.Println(r.Machine)
	for program, version := range r.Version {
		fmt.Printf("%s is %s\n", program, version)
	}
	if len(r.Missing) > 0 {
		fmt.Printf("not measured, as the program is not there: %s\n", strings.Join(r.Missing, ", "))
	}
	fmt.Println()
	for _, s := range r.Series {
		s.print(os.Stdout)
	}
	met := r.printTargets(os.Stdout)
	if o.jsonFile != "" {
		data, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return false, err
		}
		if err := write(o.jsonFile, append(data, '\n')); err != nil {
			return false, err
		}
	}
	if o.picture != "" {
		return met, write(o.picture, picture(r))
	}
	return met, nil
}

func write(file string, data []byte) error {
	if file == "-" {
		_, err := os.Stdout.Write(data)
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// machine names what was measured on, without its name.
func machine() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	model := "unknown processor"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpuinfo)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	version := strings.FieldsFunc(string(release), func(r rune) bool { return r == '.' || r == '-' })
	return fmt.Sprintf("Linux %s, %s", strings.Join(version[:min(2, len(version))], "."), model)
}

// versions gives the first line of what each program prints for --version.
func versions(programs ...string) map[string]string {
	all := map[string]string{}
	for _, program := range programs {
		out, err := exec.Command(program, "--version").Output()
		if first, _, _ := strings.Cut(string(out), "\n"); err == nil && first != "" {
			all[program] = first
		}
	}
	return all
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }
