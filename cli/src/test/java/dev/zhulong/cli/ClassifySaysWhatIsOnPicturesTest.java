package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.infer.picture.PictureModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassifySaysWhatIsOnPicturesTest {
    @TempDir
    Path temporary;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private Path data;

    @BeforeEach
    void pictures() throws IOException {
        data = temporary.resolve("data");
        for (int i = 0; i < 3; i++) {
            TinyPictures.picture(data.resolve("red/" + i + ".png"), 0xd03020, i);
            TinyPictures.picture(data.resolve("sky, blue/" + i + ".png"), 0x3060d0, i + 10);
        }
        Files.writeString(data.resolve("red/notes.txt"), "no picture");
        Files.createDirectories(data.resolve(".cache"));
        TinyPictures.picture(data.resolve(".cache/hidden.png"), 0, 1);
    }

    private int run(String... arguments) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return Main.execute(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    }

    private List<JsonNode> lines(String text) {
        return text.lines().map(line -> (JsonNode) JsonFields.of(line, Path.of("line")).object()).toList();
    }

    @Test
    void byItsOwnClassesInTheOrderOfPaths() throws IOException {
        Path model = TinyPictures.vit(temporary.resolve("vit"), "red", "sky, blue", "green");
        assertThat(run("classify", "--model", model.toString(), "--data", data.toString(), "--top", "2")).as(err.toString()).isZero();
        List<JsonNode> rows = lines(out.toString());
        assertThat(rows).extracting(row -> row.get("file").asText()).containsExactly("red/0.png", "red/1.png", "red/2.png", "sky, blue/0.png", "sky, blue/1.png", "sky, blue/2.png");
        assertThat(rows).allMatch(row -> row.get("labels").size() == 2 && row.at("/labels/0/probability").asDouble() >= row.at("/labels/1/probability").asDouble());
        // logits of a picture by itself, and a softmax by hand
        try (PictureModel opened = PictureModel.open(model)) {
            float[] logits = opened.logits(List.of(opened.read(data.resolve("red/1.png")))).getFirst();
            double sum = 0;
            for (float logit : logits) {
                sum += Math.exp(logit);
            }
            int best = logits[0] >= logits[1] && logits[0] >= logits[2] ? 0 : logits[1] >= logits[2] ? 1 : 2;
            assertThat(rows.get(1).at("/labels/0/label").asText()).isEqualTo(List.of("red", "sky, blue", "green").get(best));
            assertThat(rows.get(1).at("/labels/0/probability").asDouble()).isCloseTo(Math.exp(logits[best]) / sum, within(1e-6));
        }
        String together = out.toString();
        run("classify", "--model", model.toString(), "--data", data.toString(), "--top", "2", "--batch", "1");
        for (int i = 0; i < rows.size(); i++) {
            assertThat(lines(out.toString()).get(i).at("/labels/0/label")).isEqualTo(lines(together).get(i).at("/labels/0/label"));
        }
    }

    @Test
    void directoriesTellHowRightItIs() throws IOException {
        Path model = TinyPictures.vit(temporary.resolve("vit"), "red", "sky, blue", "green");
        Path csv = temporary.resolve("labels.csv");
        assertThat(run("classify", "--model", model.toString(), "--data", data.toString(), "--by-folder", "--top", "1", "--out", csv.toString())).as(err.toString()).isZero();
        List<String> rows = Files.readAllLines(csv);
        assertThat(rows).hasSize(7).first().isEqualTo("file,rank,label,probability,error");
        assertThat(rows.get(4)).startsWith("\"sky, blue/0.png\",1,");
        long right = rows.stream().skip(1).filter(row -> row.startsWith("red/") ? row.contains(",1,red,") : row.contains(",1,\"sky, blue\",")).count();
        assertThat(out.toString()).contains("accuracy %.4f".formatted(right / 6.0), "over 6 pictures", "taken for");
        assertThat(run("classify", "--model", model.toString(), "--data", data.toString(), "--by-folder", "--out", csv.toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("exists already");
        Files.createDirectories(data.resolve("other"));
        TinyPictures.picture(data.resolve("other/0.png"), 0, 1);
        assertThat(run("classify", "--model", model.toString(), "--data", data.toString(), "--by-folder")).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("no class is called other");
    }

    @Test
    void damagedPicturesHaveARowOfTheirOwn() throws IOException {
        Path model = TinyPictures.vit(temporary.resolve("vit"), "red", "blue");
        byte[] whole = Files.readAllBytes(data.resolve("red/1.png"));
        Files.write(data.resolve("red/1.png"), Arrays.copyOf(whole, whole.length / 2));
        assertThat(run("classify", "--model", model.toString(), "--data", data.toString())).isEqualTo(Main.FAILED);
        List<JsonNode> rows = lines(out.toString());
        assertThat(rows).hasSize(6);
        assertThat(rows.get(1).get("error").asText()).contains("1.png");
        assertThat(rows.get(2).get("labels")).hasSize(2);
        assertThat(err.toString()).contains("1 of 6 pictures could not be read");
    }

    @Test
    void byTextsOneAgainstTheOthersOrEachByItself() throws IOException {
        for (String family : new String[] {"clip", "siglip"}) {
            Path model = TinyPictures.pair(temporary.resolve(family), family, "a", "photo", "of", "red", "blue", "it", "is");
            assertThat(run("classify", "--model", model.toString(), "--data", data.resolve("red/0.png").toString(), "--labels", "red,blue", "--prompt", "it is {}")).as(err.toString()).isZero();
            JsonNode row = lines(out.toString()).getFirst();
            double p = row.at("/labels/0/probability").asDouble();
            double q = row.at("/labels/1/probability").asDouble();
            try (PictureModel opened = PictureModel.open(model)) {
                float[] picture = opened.vectors(List.of(opened.read(data.resolve("red/0.png")))).getFirst();
                float[] logits = opened.similarities(picture, List.of(opened.vector("it is " + row.at("/labels/0/label").asText()), opened.vector("it is " + row.at("/labels/1/label").asText())));
                boolean clip = family.equals("clip");
                assertThat(p).isCloseTo(clip ? 1 / (1 + Math.exp(logits[1] - logits[0])) : 1 / (1 + Math.exp(-logits[0])), within(1e-6));
                assertThat(q).isCloseTo(clip ? 1 - p : 1 / (1 + Math.exp(-logits[1])), within(1e-6));
            }
            assertThat(run("classify", "--model", model.toString(), "--data", data.toString(), "--labels", "red", "--prompt", "it")).isEqualTo(Main.FAILED);
            assertThat(err.toString()).contains("has {} where its label stands");
            assertThat(run("classify", "--model", model.toString(), "--data", data.toString())).isEqualTo(Main.FAILED);
            assertThat(err.toString()).contains("--labels");
        }
    }

    @Test
    void whatCannotClassifySaysWhy() throws IOException {
        Path bare = TinyPictures.vit(temporary.resolve("bare"));
        assertThat(run("classify", "--model", bare.toString(), "--data", data.toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("has no head of classes");
        assertThat(run("classify", "--model", bare.toString(), "--data", data.toString(), "--labels", "a,b")).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("reads no texts");
        assertThat(run("classify", "--model", TinyModel.write(Files.createDirectories(temporary.resolve("text"))).toString(), "--data", data.toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("a network that sees pictures").hasLineCount(1);
        Path empty = Files.createDirectories(temporary.resolve("empty"));
        assertThat(run("classify", "--model", bare.toString(), "--data", empty.toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("no picture");
    }

    /** Vectors of pictures and of texts lie in one space and are one long. */
    @Test
    void embedGivesVectorsOfPicturesBeforeThoseOfTexts() throws IOException {
        Path model = TinyPictures.pair(temporary.resolve("clip"), "clip", "red", "blue");
        Path file = temporary.resolve("vectors.safetensors");
        assertThat(run("embed", "--model", model.toString(), "--picture", data.resolve("red").toString(), "--text", "red", "--out", file.toString())).as(err.toString()).isZero();
        try (SafetensorsFile vectors = SafetensorsFile.open(file)) {
            assertThat(vectors.tensors().get("embeddings").shape()).containsExactly(4, 10);
            float[] values = vectors.tensors().get("embeddings").toFloats();
            for (int row = 0; row < 4; row++) {
                double squares = 0;
                for (int i = row * 10; i < (row + 1) * 10; i++) {
                    squares += values[i] * values[i];
                }
                assertThat(squares).isCloseTo(1, within(1e-5));
            }
        }
        assertThat(run("embed", "--model", TinyPictures.vit(temporary.resolve("vit")).toString(), "--picture", data.resolve("red/0.png").toString())).as(err.toString()).isZero();
        assertThat(out.toString()).hasLineCount(1);
        assertThat(run("embed", "--model", TinyEncoder.write(temporary.resolve("bert"), "a").toString(), "--picture", data.resolve("red/0.png").toString())).isEqualTo(Main.FAILED);
        assertThat(err.toString()).contains("sees no pictures");
    }
}
