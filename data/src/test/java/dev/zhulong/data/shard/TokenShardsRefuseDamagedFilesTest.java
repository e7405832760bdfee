package dev.zhulong.data.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.ShiftedBytes;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenShardsRefuseDamagedFilesTest {
    @TempDir
    Path directory;

    private static final List<String> TEXTS = IntStream.range(0, 200).mapToObj(i -> "text " + i + " 烛龙".repeat(i % 23)).toList();

    private TokenShards write(ShiftedBytes tokenizer, ShardConfig config) {
        return ShardWriter.write(documents(TEXTS), 0, tokenizer, config, directory, Progress.SILENT);
    }

    private static Stream<Document> documents(List<String> texts) {
        return IntStream.range(0, texts.size()).mapToObj(i -> new Document("d" + i, texts.get(i)));
    }

    @Test
    void everyDocumentComesBackWithItsEnds() {
        for (ShiftedBytes tokenizer : List.of(new ShiftedBytes(), new ShiftedBytes(true, 258), new ShiftedBytes(true, 100_000))) {
            var config = new ShardConfig(ShardConfig.hash(tokenizer), "content", true, 1000);
            try (var shards = write(tokenizer, config)) {
                assertThat(shards.documents()).isEqualTo(TEXTS.size());
                assertThat(shards.bytes()).isEqualTo(TEXTS.stream().mapToLong(t -> t.getBytes(StandardCharsets.UTF_8).length).sum());
                var stream = new ArrayList<Integer>();
                for (int i = 0; i < TEXTS.size(); i++) {
                    int[] ids = shards.document(i);
                    assertThat(tokenizer.decode(ids)).isEqualTo(TEXTS.get(i));
                    assertThat(ids[ids.length - 1]).isEqualTo(tokenizer.eos().getAsInt());
                    assertThat(ids[0] == tokenizer.bos().getAsInt()).isEqualTo(tokenizer.addsBos());
                    assertThat(shards.documentLength(i)).isEqualTo(ids.length);
                    assertThat(shards.documentStart(i)).isEqualTo(stream.size());
                    assertThat(shards.documentBytes(i)).isEqualTo(TEXTS.get(i).getBytes(StandardCharsets.UTF_8).length);
                    Arrays.stream(ids).forEach(stream::add);
                }
                assertThat(shards.tokens()).isEqualTo(stream.size());
                var all = new int[stream.size()];
                shards.copyStream(0, all, 0, all.length);
                assertThat(all).containsExactly(stream.stream().mapToInt(Integer::intValue).toArray());
                assertThat(directory.resolve("tokens-00003.bin")).exists();
                shards.verify();
            }
        }
    }

    @Test
    void staleShardsAreMadeAgainAndCurrentOnesKept() throws IOException {
        var tokenizer = new ShiftedBytes();
        var config = ShardConfig.of("tokenizer", "content");
        write(tokenizer, config).close();
        var made = Files.getLastModifiedTime(directory.resolve("shards.json"));
        try (var same = ShardWriter.write(Stream.of(new Document("x", "not looked at")), 0, tokenizer, config, directory, Progress.SILENT)) {
            assertThat(same.documents()).isEqualTo(TEXTS.size());
            assertThat(Files.getLastModifiedTime(directory.resolve("shards.json"))).isEqualTo(made);
        }
        for (var other : List.of(ShardConfig.of("other tokenizer", "content"), ShardConfig.of("tokenizer", "other content"),
                config.withoutEndOfSequence())) {
            assertThat(other.key(tokenizer)).isNotEqualTo(config.key(tokenizer));
        }
        assertThat(config.key(new ShiftedBytes(true, 258))).isNotEqualTo(config.key(tokenizer));
        assertThat(ShardConfig.hash(new ShiftedBytes(true, 300))).isNotEqualTo(ShardConfig.hash(tokenizer));
        try (var changed = ShardWriter.write(documents(List.of("new")), 0, tokenizer, ShardConfig.of("tokenizer", "changed"), directory,
                Progress.SILENT)) {
            assertThat(changed.documents()).isEqualTo(1);
        }
    }

    @Test
    void anInterruptedWriterLeavesNothingThatOpens() {
        Stream<Document> breaks = documents(TEXTS).peek(document -> {
            if (document.id().equals("d150")) {
                throw new IllegalStateException("power cut");
            }
        });
        assertThatThrownBy(() -> ShardWriter.write(breaks, 0, new ShiftedBytes(), ShardConfig.of("t", "c"), directory, Progress.SILENT))
                .hasMessageContaining("power cut");
        assertThatThrownBy(() -> TokenShards.open(directory)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("shards.json is missing");
    }

    @Test
    void everyTruncationAndEveryDamagedHeaderOrOffsetIsAnErrorThatNamesTheFile() throws IOException {
        write(new ShiftedBytes(), ShardConfig.of("t", "c")).close();
        Path file = directory.resolve("tokens-00000.bin");
        byte[] whole = Files.readAllBytes(file);
        for (int length : new int[] {0, 7, 31, 32, whole.length / 2, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> TokenShards.open(directory)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("tokens-00000.bin").hasMessageContaining(String.valueOf(length));
        }
        int offsets = whole.length - TEXTS.size() * 12 - 8;
        var random = new Random(1);
        for (int at : IntStream.concat(IntStream.range(0, 32), random.ints(300, offsets, offsets + TEXTS.size() * 8 + 8)).toArray()) {
            byte[] damaged = whole.clone();
            damaged[at] ^= (byte) (at % 8 == 7 || at < 32 ? 0x80 : 0x40);
            Files.write(file, damaged);
            boolean lowByte = at >= offsets && (at - offsets) % 8 == 0;
            if (!lowByte) { // a place moved by less than a document's length can only be told by the checksum
                assertThatThrownBy(() -> TokenShards.open(directory)).as("byte " + at).isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("tokens-00000.bin");
            }
        }
        byte[] damaged = whole.clone();
        damaged[100] ^= 1;
        Files.write(file, damaged);
        try (var shards = TokenShards.open(directory)) {
            assertThatThrownBy(shards::verify).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("CRC-32C");
        }
        Files.delete(file);
        assertThatThrownBy(() -> TokenShards.open(directory)).hasMessageContaining("tokens-00000.bin is missing");
        Files.writeString(directory.resolve("shards.json"), "{\"format\":1,\"files\":[{\"name\":\"../x\"}]}");
        assertThatThrownBy(() -> TokenShards.open(directory)).hasMessageContaining("not a file name");
        Files.writeString(directory.resolve("shards.json"), "{\"format\":1,\"bos\":\"3\",\"files\":[]}");
        assertThatThrownBy(() -> TokenShards.open(directory)).hasMessageContaining("not readable JSON").hasMessageContaining("coerce");
        Files.writeString(directory.resolve("shards.json"), "{\"format\":");
        assertThatThrownBy(() -> TokenShards.open(directory)).hasMessageContaining("not readable JSON");
    }
}
