// Command train makes the model of package prompts from the samples beside it and, if given, a labelled file, and says
// how it does on what it was not shown: each source of samples is left out in turn.
//
//	go run ./sanitize/prompts/train -o sanitize/prompts/model.bin [-labelled FILE.jsonl]
package main

import (
	"flag"
	"log"
	"os"

	"icapd/sanitize/prompts"
)

func main() {
	log.SetFlags(0)
	log.SetOutput(os.Stdout)
	out := flag.String("o", "", "file to write the model to; without it, only figures are made")
	samples := flag.String("samples", "sanitize/prompts/train/samples", "folder of samples")
	labelled := flag.String("labelled", "", "labelled files whose strings are samples, too, separated by commas")
	shift := flag.Float64("shift", 1.7, "what a finding takes beyond even odds, as a logarithm of the odds")
	probe := flag.String("probe", "", "labelled file to judge with the model, and nothing else")
	leave := flag.Bool("leave", false, "leave sources out in turn, which takes a minute")
	flag.Parse()
	set, err := load(*samples, *labelled)
	if err != nil {
		log.Fatal(err)
	}
	learning := prompts.Learning{Shift: *shift}
	if *leave {
		set.leaveOut(learning)
	}
	m := prompts.Learn(set.all(nil), learning)
	log.Println("all:", set.judge(m, func(*sample) bool { return true }))
	if *probe != "" {
		if err := judgeFile(m, *probe); err != nil {
			log.Fatal(err)
		}
	}
	if *out != "" {
		if err := os.WriteFile(*out, m.Bytes(), 0o644); err != nil { //nolint:gosec // data for everybody
			log.Fatal(err)
		}
	}
}
