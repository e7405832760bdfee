package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.infer.ChatTranscript;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatsGoOnWhereTheyStoppedTest {
    @TempDir
    static Path shared;

    @TempDir
    Path temporary;

    private static Path model;
    private static Path withTemplate;
    private Path session;

    @BeforeAll
    static void makeModels() throws IOException {
        model = TinyModel.write(shared.resolve("model"));
        withTemplate = TinyModel.write(shared.resolve("with-template"));
        Files.writeString(withTemplate.resolve("chat_template.jinja"), "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n{% endfor %}a:");
    }

    @BeforeEach
    void name() {
        session = temporary.resolve("garden.json");
    }

    private static Cli chat(String input, Path model, Object... more) {
        return Cli.runWithInput(input, Stream.concat(Stream.of("chat", "--model", model, "--max-new-tokens", 5), Arrays.stream(more)).toArray());
    }

    private Cli kept(String input, Object... more) {
        return chat(input, model, Stream.concat(Stream.of("--session", session), Arrays.stream(more)).toArray());
    }

    private Path cache() {
        return temporary.resolve("garden.json.kv");
    }

    @Test
    void inOneGoOrInThreeTheAnswersAreTheSame() throws IOException {
        String whole = chat("lamp\nboats\nkeeper\nlit\n", model, "--seed", 7).done().out();
        var parts = new StringBuilder();
        parts.append(kept("lamp\n", "--seed", 7).done().out());
        assertThat(session).exists();
        assertThat(cache()).exists();
        // the seed goes on with the conversation
        Cli second = kept("boats\nkeeper\n/exit\n").done();
        assertThat(second.err()).contains("[1 turn restored from " + session + "]");
        parts.append(second.out());
        Files.delete(cache());
        Cli third = kept("lit").done();
        assertThat(third.err()).contains("[3 turns restored").contains("read anew: there is no garden.json.kv]");
        parts.append(third.out());
        assertThat(parts.toString()).isEqualTo(whole);
        assertThat(ChatTranscript.read(session).turns()).extracting(ChatTranscript.Turn::user).containsExactly("lamp", "boats", "keeper", "lit");
        try (var files = Files.list(temporary)) {
            assertThat(files).containsExactlyInAnyOrder(session, cache());
        }
    }

    @Test
    void whatWasSaidIsForItsOwnerAlone() throws IOException {
        assumeTrue(session.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX rights here");
        kept("lamp\n").done();
        for (Path file : List.of(session, cache())) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
        }
    }

    /** What a process that is killed now would leave. */
    @Test
    void afterEachAnswerTheFileIsWhole() {
        var turns = new ArrayList<Integer>();
        List<InputStream> lines = new ArrayList<>();
        for (String line : List.of("lamp\n", "boats\n", "keeper\n")) {
            lines.add(new ByteArrayInputStream(line.getBytes(StandardCharsets.UTF_8)));
            lines.add(new InputStream() {
                @Override
                public int read() {
                    turns.add(ChatTranscript.read(session).turns().size());
                    return -1;
                }

                @Override
                public int read(byte[] bytes, int from, int most) {
                    return read();
                }
            });
        }
        InputStream former = System.in;
        System.setIn(new SequenceInputStream(Collections.enumeration(lines)));
        try {
            Cli.run("chat", "--model", model, "--max-new-tokens", 5, "--session", session).done();
        } finally {
            System.setIn(former);
        }
        assertThat(turns).containsExactly(1, 2, 3);
    }

    @Test
    void aCacheThatDoesNotFitIsSaidAndReadAnew() throws IOException {
        kept("lamp\n").done();
        assertThat(kept("", "--weights", "q8_0").done().err()).contains("1 turn restored").contains("another model, precision, engine or processor");
        byte[] stays = Files.readAllBytes(cache());
        assertThat(kept("", "--kv", "int8").done().err()).contains("another model, precision, engine or processor");
        // nothing was read that could be kept in its place
        assertThat(cache()).hasBinaryContent(stays);
        assertThat(kept("boats\n", "--kv", "int8").done().err()).contains("another model, precision, engine or processor");
        assertThat(kept("", "--kv", "int8").done().err()).doesNotContain("anew");
        byte[] bytes = Files.readAllBytes(cache());
        bytes[bytes.length / 2] ^= 1;
        Files.write(cache(), bytes);
        assertThat(kept("", "--kv", "int8").done().err()).contains("read anew: garden.json.kv is damaged");
        assertThat(kept("", "--engine", "torch").done().err()).contains("read anew: this engine keeps no cache in files");
        assertThat(ChatTranscript.read(session).turns()).hasSize(2);
    }

    @Test
    void anotherModelOfTheSameShapeIsAnotherModel() throws IOException {
        Path copy = TinyModel.write(temporary.resolve("copy"));
        chat("lamp\n", copy, "--session", session).done();
        Path weights = copy.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 3] ^= 1;
        var changed = Files.getLastModifiedTime(weights);
        Files.write(weights, bytes);
        Files.setLastModifiedTime(weights, changed);
        assertThat(chat("", copy, "--session", session).done().err()).contains("1 turn restored").contains("another model");
    }

    @Test
    void resetEmptiesTheFile() {
        kept("lamp\nboats\n").done();
        Cli reset = kept("/reset\n").done();
        assertThat(reset.err()).contains("starts anew");
        assertThat(ChatTranscript.read(session).turns()).isEmpty();
        assertThat(cache()).doesNotExist();
        assertThat(kept("lamp\n").done().out()).isEqualTo(chat("lamp\n", model).done().out());
    }

    @Test
    void anotherSystemPromptIsRefusedAndNothingIsLost() throws IOException {
        chat("lamp\n", withTemplate, "--session", session, "--system", "Be brief.").done();
        byte[] before = Files.readAllBytes(session);
        Cli other = chat("lamp\n", withTemplate, "--session", session, "--system", "Be long.");
        assertThat(other.code()).isEqualTo(Main.FAILED);
        assertThat(other.out()).isEmpty();
        assertThat(other.err()).contains("garden.json").contains("\"Be brief.\"").contains("give another --session");
        assertThat(Files.readAllBytes(session)).isEqualTo(before);
        // without --system it is the conversation's own
        Cli on = chat("boats\n", withTemplate, "--session", session).done();
        assertThat(ChatTranscript.read(session).system()).isEqualTo("Be brief.");
        assertThat(on.out()).isEqualTo(chat("lamp\nboats\n", withTemplate, "--system", "Be brief.").done().out().lines().skip(1).reduce("", (a, b) -> a + b + "\n"));
        assertThat(chat("", model, "--session", session).err()).contains("the system prompt of").contains("needs a chat template");
    }

    @Test
    void aDamagedFileIsRefusedAndNothingIsLost() throws IOException {
        Files.writeString(session, "{\"format\": \"zhulong-session\", \"version\"");
        Cli damaged = kept("lamp\n");
        assertThat(damaged.code()).isEqualTo(Main.FAILED);
        assertThat(damaged.err().lines()).hasSize(1);
        assertThat(damaged.err()).contains("garden.json").contains("not a whole session").contains("move it away");
        assertThat(session).hasContent("{\"format\": \"zhulong-session\", \"version\"");
        Cli nowhere = chat("lamp\n", model, "--session", temporary.resolve("none/garden.json"));
        assertThat(nowhere.code()).isEqualTo(Main.FAILED);
        assertThat(nowhere.err()).contains("no directory that can be written to");
        assertThat(chat("", model, "--session", temporary).err()).contains("is a directory: give the name of a file");
    }
}
