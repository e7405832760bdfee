package org.example;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.cli.Main;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.ContentHash;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TheStepCleansThroughTheVerbsTest {
    @TempDir
    Path temporary;

    private Path texts;

    @BeforeEach
    void write() throws IOException {
        texts = Files.createDirectories(temporary.resolve("texts"));
        Files.writeString(texts.resolve("letter.txt"), "The keeper lit the lamp and wrote to the harbour about the boats that had come in.");
        Files.writeString(texts.resolve("plan.txt"), "Plan of the year\nCONFIDENTIAL: for the board alone\nTwo boats are to be sold in spring.");
        Files.writeString(texts.resolve("secret.txt"), "SECRET\nThe lamp was dark for three nights, and nobody was to know of it.");
    }

    private record Run(int code, String out, String err) {}

    private static Run zhulong(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.execute(new PrintWriter(out), new PrintWriter(err), Stream.of(arguments).map(Object::toString).toArray(String[]::new));
        return new Run(code, out.toString(), err.toString());
    }

    private List<String> cleaned(String steps) {
        Path corpus = temporary.resolve("corpus");
        Run run = zhulong("clean", "--data", texts, "--steps", steps, "--out", corpus, "--force");
        assertThat(run.code()).as(run.err()).isZero();
        List<String> ids = new ArrayList<>();
        try (var train = Corpus.open(corpus).train().documents(); var held = Corpus.open(corpus).validation().documents()) {
            Stream.concat(train, held).map(Document::id).forEach(ids::add);
        }
        return ids.stream().map(id -> id.replaceAll(".*/", "")).sorted().toList();
    }

    @Test
    void whatIsMarkedIsNotInTheCorpusAndTheAuditSaysWhyAndByWhichJar() throws IOException, URISyntaxException {
        assertThat(cleaned("unicode")).containsExactly("letter.txt", "plan.txt", "secret.txt");
        assertThat(cleaned("unicode,confidential")).containsExactly("letter.txt", "secret.txt");
        Path jar = Path.of(Confidential.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        assertThat(Files.readString(temporary.resolve("corpus/audit.json"))).contains("marked CONFIDENTIAL", "org.example.Confidential in ",
                ContentHash.of(jar).sha256());
    }

    @Test
    void itsArgumentsFollowItsName() {
        assertThat(cleaned("confidential:SECRET")).containsExactly("letter.txt", "plan.txt");
        assertThat(cleaned("\"confidential:SECRET, CONFIDENTIAL\",unicode")).containsExactly("letter.txt");
    }

    @Test
    void theHelpAndTheErrorOfAnUnknownStepListIt() {
        assertThat(zhulong("clean", "--help").out()).contains("  confidential: Drop documents with a line that begins with CONFIDENTIAL.");
        Run unknown = zhulong("clean", "--data", texts, "--steps", "confidental", "--out", temporary.resolve("corpus"));
        assertThat(unknown.code()).isEqualTo(2);
        assertThat(unknown.err()).contains("unknown cleaning step 'confidental', did you mean 'confidential'?", "personal-data, confidential");
    }

    @Test
    void aRecipeNamesItAndTheRunNotesTheJarAmongItsInputs() throws IOException {
        IntStream.range(0, 20).forEach(i -> {
            try {
                Files.writeString(texts.resolve(i + ".txt"), ("Row %d of the log: lamp %d was lit at %d.\n").formatted(i, i * i, i + 100).repeat(4 + i));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        Path run = temporary.resolve("run");
        Run done = zhulong("pretrain", "--data", texts, "--set", "data.steps=[unicode, 'confidential:SECRET,CONFIDENTIAL']", "--set",
                "data.tokenizer.vocab_size=280", "--set", "model.hidden_size=16", "--set", "model.layers=1", "--set", "model.heads=2", "--set",
                "model.context_length=32", "--set", "train.steps=1", "--set", "train.warmup=0", "--set", "train.batch=2", "--set", "train.seq=32",
                "--out", run);
        assertThat(done.code()).as(done.err()).isZero();
        assertThat(Files.readString(run.resolve("data/corpus/audit.json"))).contains("marked SECRET", "marked CONFIDENTIAL");
        assertThat(Files.readString(run.resolve("zhulong.json"))).contains(ContentHash.of(Path.of("target/classes")).sha256());
    }
}
