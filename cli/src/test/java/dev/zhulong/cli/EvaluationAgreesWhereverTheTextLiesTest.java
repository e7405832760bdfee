package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.document.Document;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluationAgreesWhereverTheTextLiesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path temporary;

    static Path model;
    static Path corpus;
    static Cli cleaned;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        corpus = temporary.resolve("corpus");
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(texts.resolve("text%02d.txt".formatted(i)), TinyModel.text(i));
        }
        cleaned = Cli.run("clean", "--data", texts, "--steps", "none", "--no-dedup", "--validation-fraction", 0.4, "--tokenizer", model,
                "--out", corpus).done();
    }

    private static JsonNode evaluate(Object... more) throws IOException {
        var args = new ArrayList<Object>(List.of("evaluate", "--model", model, "--json"));
        args.addAll(List.of(more));
        return JSON.readTree(Cli.run(args.toArray()).done().out());
    }

    @Test
    void corpusAndItsDocumentsAsFilesGiveTheSameLoss() throws IOException {
        var args = new ArrayList<Object>(List.of("--text"));
        Path files = Files.createDirectories(temporary.resolve("held-out"));
        List<Document> documents = Corpus.open(corpus).validation().documents().toList();
        assertThat(documents).hasSizeBetween(2, 18);
        for (Document document : documents) {
            Path file = files.resolve(Integer.toString(args.size()));
            Files.writeString(file, document.text());
            args.add(file);
        }
        JsonNode asFiles = evaluate(args.toArray());
        JsonNode asCorpus = evaluate("--data", corpus);
        assertThat(asCorpus.get("mean_nll").asDouble()).isEqualTo(asFiles.get("mean_nll").asDouble());
        assertThat(asCorpus.get("tokens")).isEqualTo(asFiles.get("tokens"));
        assertThat(asCorpus.get("bytes").asLong()).isEqualTo(Corpus.open(corpus).validation().bytes());
        assertThat(evaluate("--data", corpus.resolve("validation")).get("mean_nll")).isEqualTo(asCorpus.get("mean_nll"));
        assertThat(evaluate("--data", files).get("tokens")).isEqualTo(asCorpus.get("tokens"));
        // random weights know nothing: every token is about as likely as any other
        assertThat(asCorpus.get("perplexity").asDouble()).isCloseTo(TinyModel.VOCAB, within(TinyModel.VOCAB * 0.15));
        assertThat(asCorpus.get("bits_per_byte").asDouble()).isCloseTo(
                asCorpus.get("mean_nll").asDouble() * asCorpus.get("tokens").asLong() / Math.log(2) / asCorpus.get("bytes").asLong(), within(1e-9));
    }

    @Test
    void shardsScoreTheEndOfEachDocumentToo() throws IOException {
        long documents = Corpus.open(corpus).validation().count();
        JsonNode asCorpus = evaluate("--data", corpus);
        JsonNode asShards = evaluate("--data", corpus.resolve("shards"));
        assertThat(asShards.get("tokens").asLong()).isEqualTo(asCorpus.get("tokens").asLong() + documents);
        assertThat(asShards.get("bytes")).isEqualTo(asCorpus.get("bytes"));
        assertThat(cleaned.out()).contains("shards").contains("validation").contains("audit.html");
    }

    @Test
    void shardsOfAnotherTokenizerAreRefused() throws IOException {
        Path other = TinyModel.write(temporary.resolve("other"));
        Files.writeString(other.resolve("tokenizer.json"), Files.readString(other.resolve("tokenizer.json")) + "\n");
        Cli result = Cli.run("evaluate", "--model", other, "--data", corpus.resolve("shards/validation"));
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.err()).contains("another tokenizer");
    }

    @Test
    void theProtocolIsTheUsersChoiceAndIsStated() throws IOException {
        Path text = temporary.resolve("texts/text07.txt");
        Path out = temporary.resolve("result.json");
        JsonNode json = evaluate("--text", text, "--window", 16, "--stride", 8, "--bos", "false", "--out", out);
        assertThat(json.get("window").asInt()).isEqualTo(16);
        assertThat(json.get("stride").asInt()).isEqualTo(8);
        assertThat(json.get("bos").asBoolean()).isFalse();
        assertThat(JSON.readTree(out.toFile())).isEqualTo(json);
        assertThat(json.get("tokens").asLong()).isEqualTo(evaluate("--text", text).get("tokens").asLong() - 1);
        String human = Cli.run("evaluate", "--model", model, "--text", text).done().out();
        assertThat(human).contains("perplexity").contains("bits per byte").contains("window 64, stride 64, BOS first");
    }

    @Test
    void aCorpusWithShardsIsNotReplacedWithoutThem() {
        Cli result = Cli.run("clean", "--data", temporary.resolve("texts"), "--out", corpus, "--force");
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.err()).contains("--tokenizer");
    }
}
