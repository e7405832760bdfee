package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.VisionSpec.Last;
import dev.zhulong.formats.VisionSpec.Pool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Towers over pictures: every switch of a configuration, and the names that weights have in files and in memory. */
class VisionNetworksAreReadAsWrittenTest {
    private static final String SMALL = "'hidden_size':24,'num_hidden_layers':2,'num_attention_heads':3,'image_size':28,'patch_size':7";
    private static final String CLASSES = ",'id2label':{'0':'cat','1':'dog','2':'owl'}";
    private static final String TOWERS = "'text_config':{'hidden_size':18,'intermediate_size':30,'num_hidden_layers':1,'num_attention_heads':3,'vocab_size':50,"
            + "'max_position_embeddings':9%s},'vision_config':{" + SMALL + ",'intermediate_size':40}";

    @TempDir
    Path directory;

    /** One of each family, and of each switch. */
    static List<VisionSpec> specs() {
        try {
            Path directory = Files.createTempDirectory("vision");
            try {
                return List.of(read(directory, "'model_type':'vit'," + SMALL), read(directory, "'model_type':'vit','qkv_bias':false,'add_pooling_layer':false," + SMALL),
                        read(directory, "'model_type':'vit','image_size':[14,35],'patch_size':7,'hidden_size':24,'num_attention_heads':2,'hidden_act':'gelu_new','architectures':['ViTForImageClassification']" + CLASSES),
                        read(directory, "'model_type':'dinov2','mlp_ratio':2," + SMALL), read(directory, "'model_type':'dinov2','use_swiglu_ffn':true,'use_mask_token':false,"
                                + "'architectures':['Dinov2ForImageClassification']," + SMALL + CLASSES),
                        read(directory, "'model_type':'dinov2_with_registers','num_register_tokens':3,'use_swiglu_ffn':true," + SMALL),
                        read(directory, "'model_type':'clip','projection_dim':11," + TOWERS.formatted(",'eos_token_id':2")),
                        read(directory, "'model_type':'clip'," + TOWERS.formatted(",'eos_token_id':40,'hidden_act':'gelu'")),
                        read(directory, "'model_type':'siglip'," + TOWERS.formatted(",'projection_size':24")));
            } finally {
                FileTree.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static VisionSpec read(Path directory, String fields) throws IOException {
        return (VisionSpec) HfConfig.network(Files.writeString(directory.resolve("config.json"), ("{" + fields + "}").replace('\'', '"')));
    }

    private VisionSpec read(String fields) throws IOException {
        return read(directory, fields);
    }

    @Test
    void writtenConfigsGiveTheSameSpec() throws IOException {
        for (VisionSpec spec : specs()) {
            assertThat(HfConfig.network(Files.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32)))).isEqualTo(spec);
        }
    }

    @Test
    void eachWeightIsNamedOnceAndFoundByItsRole() {
        for (VisionSpec spec : specs()) {
            var table = Parameters.of(spec);
            assertThat(table.all()).extracting(Parameter::name).doesNotHaveDuplicates();
            for (Parameter p : table) {
                assertThat(table.find(p.role(), p.layer(), p.expert(), p.bias())).contains(p);
            }
            assertThat(spec.family().together(spec)).hasSameSizeAs(table.all());
        }
    }

    @Test
    void absentFieldsAreAsInTransformers() throws IOException {
        VisionSpec vit = read("'model_type':'vit'");
        assertThat(vit.pool()).isEqualTo(Pool.FIRST_DENSE);
        assertThat(vit.stack().contextLength()).isEqualTo(197);
        assertThat(vit.stack().normEpsilon()).isEqualTo(1e-12);
        assertThat(Parameters.of(vit).count()).isEqualTo(86_389_248);
        VisionSpec clip = read("'model_type':'clip','text_config':{},'vision_config':{}");
        assertThat(Parameters.of(clip).count()).isEqualTo(151_277_313);
        assertThat(clip.layer(0).mlp().activation()).isEqualTo(Activation.QUICK_GELU);
        assertThat(clip.texts().orElseThrow().last()).isEqualTo(Last.END);
        assertThat(clip.texts().orElseThrow().eos()).isEqualTo(49407);
        VisionSpec siglip = read("'model_type':'siglip'");
        assertThat(Parameters.of(siglip).count()).isEqualTo(203_155_970);
    }

    /** A gated MLP keeps two thirds of the width, in eights. */
    @Test
    void aGatedMlpIsNarrower() throws IOException {
        VisionSpec giant = read("'model_type':'dinov2','hidden_size':1536,'num_attention_heads':24,'num_hidden_layers':1,'use_swiglu_ffn':true");
        assertThat(giant.layer(0).mlp()).isEqualTo(new Mlp.Dense(4096, Activation.SILU, true, true));
        assertThat(HfConfig.write(giant, StorageType.F32)).contains("\"mlp_ratio\": 4,");
    }

    @Test
    void whatIsNotDoneIsRefusedByName() {
        assertThatThrownBy(() -> read("'model_type':'vit','patch_size':[7,8]")).hasMessageContaining("patch_size: expected squares");
        assertThatThrownBy(() -> read("'model_type':'vit','image_size':5,'patch_size':7")).hasMessageContaining("image_size: expected one patch of 7 pixels or more");
        assertThatThrownBy(() -> read("'model_type':'vit','pooler_act':'relu'")).hasMessageContaining("pooler_act: expected tanh");
        assertThatThrownBy(() -> read("'model_type':'vit','architectures':['ViTForMaskedImageModeling']")).hasMessageContaining("ViTForImageClassification");
        assertThatThrownBy(() -> read("'model_type':'siglip','vision_config':{'vision_use_head':false}")).hasMessageContaining("vision_use_head");
        assertThatThrownBy(() -> read("'model_type':'siglip','text_config':{'projection_size':5}")).hasMessageContaining("both kinds of vectors lie in one space");
        assertThatThrownBy(() -> specs().getLast().withClasses(List.of("a", "b"), Problem.SINGLE_LABEL)).hasMessageContaining("has no head of classes");
    }

    /** Since version 5 transformers has other names in memory than it writes; files with either are read. */
    @Test
    void bothGenerationsOfNamesAreRead() {
        for (VisionSpec spec : specs()) {
            Map<String, TensorView> today = views(spec);
            assertThat(spec.family().tidy(spec, spec.family().stored(spec, today)).keySet()).containsExactlyInAnyOrderElementsOf(today.keySet());
            Map<String, TensorView> loaded = new LinkedHashMap<>();
            spec.family().together(spec).forEach((name, own) -> loaded.put(name, named(today.get(own.getFirst()), name)));
            assertThat(spec.family().tidy(spec, loaded).keySet()).containsExactlyInAnyOrderElementsOf(today.keySet());
        }
    }

    /** Files of a network with a head are read as the bare one, and the other way. */
    @Test
    void thePrefixIsThatOfTheWantedArchitecture() {
        VisionSpec bare = specs().get(1);
        VisionSpec classes = bare.withClasses(List.of("a", "b"), Problem.SINGLE_LABEL);
        assertThat(bare.family().tidy(bare, views(classes)).keySet())
                .containsExactlyInAnyOrderElementsOf(views(bare).keySet());
        assertThat(bare.family().tidy(classes, views(bare)).keySet()).allMatch(name -> name.startsWith("vit."));
    }

    @Test
    void theStateOfATextIsThatOfItsEnd() {
        VisionSpec.Texts largest = specs().get(6).texts().orElseThrow();
        assertThat(largest.pooled(new int[] {1, 9, 40, 2, 7})).isEqualTo(2);
        VisionSpec.Texts end = specs().get(7).texts().orElseThrow();
        assertThat(end.pooled(new int[] {1, 49, 40, 40, 2})).isEqualTo(2);
        assertThatThrownBy(() -> end.pooled(new int[] {1, 49})).hasMessageContaining("hold no 40");
        assertThat(specs().get(8).texts().orElseThrow().pooled(new int[] {1, 9, 40, 2, 7})).isEqualTo(4);
    }

    private static Map<String, TensorView> views(VisionSpec spec) {
        var views = new LinkedHashMap<String, TensorView>();
        Parameters.of(spec).forEach(p -> views.put(p.name(), new TensorView(p.name(), StorageType.F32, p.shape(), Arena.ofAuto().allocate(4 * p.count(), 4), Path.of("x"))));
        return views;
    }

    private static TensorView named(TensorView view, String name) {
        return new TensorView(name, view.type(), view.shape(), view.data(), view.file());
    }
}
