package dev.zhulong.tensor;

import static org.bytedeco.pytorch.global.torch.ScalarType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * An n-dimensional array in native memory, with the operations networks are made of. Names and semantics are PyTorch's; methods that
 * end in an underscore change the tensor in place. See the package for lifetimes and errors.
 */
public final class Tensor implements AutoCloseable {
    final org.bytedeco.pytorch.Tensor t;

    Tensor(org.bytedeco.pytorch.Tensor t) {
        this.t = t;
    }

    // ---- making: on the device whose scope is open on this thread ({@link DeviceScope}), else on the processor ----

    public static Tensor zeros(DType type, long... shape) {
        return new Tensor(torch.zeros(shape, DeviceScope.options(type)));
    }

    public static Tensor ones(DType type, long... shape) {
        return new Tensor(torch.ones(shape, DeviceScope.options(type)));
    }

    /** Uninitialised. */
    public static Tensor empty(DType type, long... shape) {
        return new Tensor(torch.empty(shape, DeviceScope.options(type), null));
    }

    /** Standard normal F32 from the processor's default generator ({@link Libtorch#seed}), the same numbers on every device. */
    public static Tensor randn(long... shape) {
        Libtorch.load();
        return new Tensor(torch.randn(shape)).to(DeviceScope.current());
    }

    /** 0, 1, … n-1 as I64. */
    public static Tensor arange(long n) {
        return new Tensor(torch.arange(new Scalar(n), DeviceScope.options(DType.I64)));
    }

    /** F32 copy of {@code values}, row-major. */
    public static Tensor of(float[] values, long... shape) {
        return copyOf(MemorySegment.ofArray(values), DType.F32, shape);
    }

    /** F64 copy of {@code values}, row-major. */
    public static Tensor of(double[] values, long... shape) {
        return copyOf(MemorySegment.ofArray(values), DType.F64, shape);
    }

    /** I64 copy of {@code values}, row-major. */
    public static Tensor of(long[] values, long... shape) {
        return copyOf(MemorySegment.ofArray(values), DType.I64, shape);
    }

    /** I64 copy of {@code values}, row-major. */
    public static Tensor of(int[] values, long... shape) {
        long[] wide = new long[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return of(wide, shape);
    }

    /** A copy of row-major elements in {@code segment}, which may be on or off the heap. */
    public static Tensor copyOf(MemorySegment segment, DType type, long... shape) {
        Tensor out = empty(type, shape);
        if (segment.byteSize() != out.elements() * type.bytes()) {
            throw new IllegalArgumentException(
                    segment.byteSize() + " bytes do not make a " + type + " tensor of shape " + Arrays.toString(shape));
        }
        return out.write_(memory -> memory.copyFrom(segment));
    }

    /** A view of native memory, without a copy, on the processor whatever scope is open: {@code segment} must outlive it. */
    public static Tensor view(MemorySegment segment, DType type, long... shape) {
        Libtorch.load();
        long n = 1;
        for (long s : shape) {
            n = Math.multiplyExact(n, s);
        }
        if (!segment.isNative() || segment.byteSize() != n * type.bytes()) {
            throw new IllegalArgumentException(
                    "a view of shape " + Arrays.toString(shape) + " and type " + type + " needs " + n * type.bytes()
                            + " bytes of native memory, found " + segment.byteSize() + (segment.isNative() ? "" : " on the heap"));
        }
        Pointer p = new AddressPointer(segment.address());
        return new Tensor(torch.from_blob(p, shape, new TensorOptions(type.torch)));
    }

    private static final class AddressPointer extends Pointer {
        AddressPointer(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }

    // ---- looking ----

    public long[] shape() {
        long[] s = new long[dim()];
        for (int i = 0; i < s.length; i++) {
            s[i] = t.size(i);
        }
        return s;
    }

    public long size(int dim) {
        return t.size(dim);
    }

    public int dim() {
        return (int) t.dim();
    }

    public long elements() {
        return t.numel();
    }

    public DType dtype() {
        return DType.of(t.scalar_type());
    }

    /** Where its memory lies. */
    public Device device() {
        return Device.of(t);
    }

    /** The memory itself, no copy; valid while this tensor is. Contiguous tensors on the processor only. */
    public MemorySegment segment() {
        if (!t.is_cpu()) {
            throw new IllegalStateException("the memory of a tensor on " + device() + " cannot be read from here: call cpu() first");
        }
        if (!t.is_contiguous()) {
            throw new IllegalStateException("a segment needs a contiguous tensor: call contiguous() first");
        }
        // what has no elements has no memory either
        return elements() == 0 ? MemorySegment.NULL : MemorySegment.ofAddress(t.data_ptr().address()).reinterpret(elements() * dtype().bytes());
    }

    /** Elements as F32, row-major, copied. */
    public float[] toFloats() {
        try (var scope = TensorScope.open()) {
            Tensor c = detach().cpu().to(DType.F32).contiguous();
            return c.segment().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    /** Elements as I64, row-major, copied. */
    public long[] toLongs() {
        try (var scope = TensorScope.open()) {
            return detach().cpu().to(DType.I64).contiguous().segment().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        }
    }

    /** The only element. */
    public double item() {
        return t.item_double();
    }

    // ---- lifetime ----

    /** Takes this tensor out of every scope: it lives until {@link #close} or until it is collected. Returns this. */
    public Tensor keep() {
        PointerScope inner = PointerScope.getInnerScope();
        if (inner != null) {
            t.retainReference();
            inner.detach(t);
            TensorScope outermost = TensorScope.outermost();
            if (outermost != null && t.requires_grad() && !t.is_leaf()) {
                outermost.graphKept();
            }
        }
        return this;
    }

    @Override
    public void close() {
        t.close();
    }

    // ---- shape ----

    public Tensor view(long... shape) {
        return new Tensor(t.view(shape));
    }

    public Tensor reshape(long... shape) {
        return new Tensor(t.reshape(shape));
    }

    public Tensor transpose(int a, int b) {
        return new Tensor(t.transpose(a, b));
    }

    public Tensor permute(long... dims) {
        return new Tensor(t.permute(dims));
    }

    public Tensor narrow(int dim, long start, long length) {
        return new Tensor(t.narrow(dim, start, length));
    }

    /** Slices of {@code size} that begin every {@code step} along {@code dim}, which they may share; their elements are a last dimension. No copy. */
    public Tensor unfold(int dim, long size, long step) {
        return new Tensor(t.unfold(dim, size, step));
    }

    public Tensor select(int dim, long index) {
        return new Tensor(t.select(dim, index));
    }

    public Tensor unsqueeze(int dim) {
        return new Tensor(t.unsqueeze(dim));
    }

    public Tensor squeeze(int dim) {
        return new Tensor(t.squeeze(dim));
    }

    public Tensor expand(long... shape) {
        return new Tensor(t.expand(shape));
    }

    public Tensor contiguous() {
        return new Tensor(t.contiguous());
    }

    /** Pieces of {@code sizes} along {@code dim}; backward joins their gradients in one copy. */
    public List<Tensor> split(int dim, long... sizes) {
        TensorVector v = t.split(sizes, dim);
        Tensor[] parts = new Tensor[sizes.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = new Tensor(v.get(i));
        }
        return List.of(parts);
    }

    public static Tensor cat(int dim, Tensor... parts) {
        return new Tensor(torch.cat(vector(parts), dim));
    }

    public static Tensor stack(int dim, Tensor... parts) {
        return new Tensor(torch.stack(vector(parts), dim));
    }

    public Tensor copy() {
        return new Tensor(t.clone());
    }

    // ---- type and place ----

    public Tensor to(DType type) {
        return new Tensor(t.to(type.torch));
    }

    /** This tensor where it is on {@code device} already, else a copy there. */
    public Tensor to(Device device) {
        return device.equals(device()) ? this : new Tensor(t.to(device.torch(), t.scalar_type()));
    }

    /** This tensor where it is on the processor already, else a copy there. */
    public Tensor cpu() {
        return t.is_cpu() ? this : new Tensor(t.cpu());
    }

    // ---- arithmetic ----

    public Tensor add(Tensor o) {
        return new Tensor(t.add(o.t));
    }

    public Tensor add(double v) {
        return new Tensor(t.add(new Scalar(v)));
    }

    public Tensor sub(Tensor o) {
        return new Tensor(t.sub(o.t));
    }

    public Tensor mul(Tensor o) {
        return new Tensor(t.mul(o.t));
    }

    public Tensor mul(double v) {
        return new Tensor(t.mul(new Scalar(v)));
    }

    public Tensor div(Tensor o) {
        return new Tensor(t.div(o.t));
    }

    /** {@code this + a * b}. */
    public Tensor addcmul(Tensor a, Tensor b) {
        return new Tensor(t.addcmul(a.t, b.t));
    }

    public Tensor neg() {
        return new Tensor(t.neg());
    }

    public Tensor abs() {
        return new Tensor(t.abs());
    }

    public Tensor exp() {
        return new Tensor(t.exp());
    }

    public Tensor log() {
        return new Tensor(t.log());
    }

    public Tensor sqrt() {
        return new Tensor(t.sqrt());
    }

    public Tensor rsqrt() {
        return new Tensor(t.rsqrt());
    }

    public Tensor square() {
        return new Tensor(t.square());
    }

    public Tensor sin() {
        return new Tensor(t.sin());
    }

    public Tensor cos() {
        return new Tensor(t.cos());
    }

    public Tensor sigmoid() {
        return new Tensor(t.sigmoid());
    }

    /** Each value held within {@code least} and {@code most}, either of which may be infinite. */
    public Tensor clamp(double least, double most) {
        return new Tensor(t.clamp(new ScalarOptional(new Scalar(least)), new ScalarOptional(new Scalar(most))));
    }

    public Tensor silu() {
        return new Tensor(torch.silu(t));
    }

    public Tensor relu() {
        return new Tensor(t.relu());
    }

    public Tensor tanh() {
        return new Tensor(t.tanh());
    }

    /** Exact GELU, or its approximation by tanh. */
    public Tensor gelu(boolean byTanh) {
        return new Tensor(torch.gelu(t, byTanh ? "tanh" : "none"));
    }

    public Tensor sum() {
        return new Tensor(t.sum());
    }

    public Tensor sum(int dim, boolean keep) {
        return new Tensor(t.sum(new long[] {dim}, keep, new ScalarTypeOptional()));
    }

    public Tensor mean(int dim, boolean keep) {
        return new Tensor(t.mean(new long[] {dim}, keep, new ScalarTypeOptional()));
    }

    public Tensor max() {
        return new Tensor(t.max());
    }

    public Tensor argmax(int dim) {
        return new Tensor(t.argmax(new LongOptional(dim), false));
    }

    /** 1 where equal, else 0 (BOOL). */
    public Tensor eq(Tensor o) {
        return new Tensor(t.eq(o.t));
    }

    /** 1 where {@code this <= o} (BOOL). */
    public Tensor le(Tensor o) {
        return new Tensor(t.le(o.t));
    }

    /** 1 where {@code this > o} (BOOL). */
    public Tensor gt(Tensor o) {
        return new Tensor(t.gt(o.t));
    }

    public Tensor and(Tensor o) {
        return new Tensor(t.logical_and(o.t));
    }

    /** Whether any element is NaN or infinite. */
    public boolean hasNonFinite() {
        try (var scope = TensorScope.open()) {
            return !new Tensor(torch.isfinite(detach().t)).t.all().item_bool();
        }
    }

    public Tensor matmul(Tensor o) {
        return new Tensor(t.matmul(o.t));
    }

    /** Matrices [n, r, m] · [n, m, c] one by one. */
    public Tensor bmm(Tensor o) {
        return new Tensor(t.bmm(o.t));
    }

    /** {@code this + a · b}, matrix by matrix as in {@link #bmm}; this may be expanded. */
    public Tensor baddbmm(Tensor a, Tensor b) {
        return new Tensor(t.baddbmm(a.t, b.t));
    }

    /** {@code x · Wᵀ + b}; {@code weight} is [out, in], {@code bias} may be null. */
    public Tensor linear(Tensor weight, Tensor bias) {
        return new Tensor(bias == null ? torch.linear(t, weight.t) : torch.linear(t, weight.t, new TensorOptional(bias.t)));
    }

    /**
     * Convolution along the last axis, with zeros beyond both ends.
     *
     * @param weight  [out, in, taps]
     * @param bias    [out], or null
     * @param stride  from one place to the next
     * @param padding zeros on each side
     * @return of this [batch, in, n], [batch, out, (n + 2 padding - taps) / stride + 1]
     */
    public Tensor conv1d(Tensor weight, Tensor bias, int stride, int padding) {
        return new Tensor(torch.conv1d(t, weight.t, bias == null ? new TensorOptional() : new TensorOptional(bias.t), new long[] {stride}, new long[] {padding}, new long[] {1}, 1));
    }

    /** Rows of this [n, d] at {@code ids} (I64, any shape). */
    public Tensor embedding(Tensor ids) {
        return new Tensor(torch.embedding(t, ids.t));
    }

    /** The same, but the row {@code fixed} gets no gradient: that of padding. */
    public Tensor embedding(Tensor ids, long fixed) {
        return new Tensor(torch.embedding(t, ids.t, fixed, false, false));
    }

    public Tensor indexSelect(int dim, Tensor ids) {
        return new Tensor(torch.index_select(t, dim, ids.t));
    }

    public Tensor gather(int dim, Tensor index) {
        return new Tensor(t.gather(dim, index.t));
    }

    /**
     * The largest of each row and where they stand.
     *
     * @param values  falling
     * @param indices I64
     */
    public record Top(Tensor values, Tensor indices) {}

    /** The {@code k} largest along the last dimension. */
    public Top topK(long k) {
        var top = t.topk(k);
        return new Top(new Tensor(top.get0()), new Tensor(top.get1()));
    }

    /** A copy to which {@code rows} are added at I64 {@code index} along {@code dim}. */
    public Tensor indexAdd(int dim, Tensor index, Tensor rows) {
        return new Tensor(t.index_add(dim, index.t, rows.t));
    }

    public Tensor softmax(int dim) {
        return new Tensor(torch.softmax(t, dim));
    }

    public Tensor logSoftmax(int dim) {
        return new Tensor(torch.log_softmax(t, dim));
    }

    public Tensor logsumexp(int dim, boolean keep) {
        return new Tensor(t.logsumexp(new long[] {dim}, keep));
    }

    /** Over the last dimension; {@code weight} and {@code bias} [n], or null. */
    public Tensor layerNorm(Tensor weight, Tensor bias, double epsilon) {
        return new Tensor(torch.layer_norm(
                t,
                new long[] {t.size(-1)},
                weight == null ? new TensorOptional() : new TensorOptional(weight.t),
                bias == null ? new TensorOptional() : new TensorOptional(bias.t),
                epsilon,
                false));
    }

    /** Euclidean norm over one dimension, which becomes 1. */
    public Tensor norm(int dim) {
        return new Tensor(torch.linalg_vector_norm(t, new Scalar(2.0), new long[] {dim}, true, new ScalarTypeOptional()));
    }

    /** The lower triangular L of a symmetric matrix [n, n] that is L·Lᵀ; empty where rounding or the matrix leaves none. */
    public Optional<Tensor> cholesky() {
        var found = torch.linalg_cholesky_ex(t, false, false);
        var info = new Tensor(found.get1());
        var factor = new Tensor(found.get0());
        if (info.to(DType.F32).item() != 0 || factor.hasNonFinite()) {
            return Optional.empty();
        }
        return Optional.of(factor);
    }

    /** The inverse of L·Lᵀ, of which this is L. */
    public Tensor choleskyInverse() {
        return new Tensor(torch.cholesky_inverse(t, false));
    }

    /**
     * {@code softmax(q·kᵀ/√d + mask)·v} (Dao et al. 2022's tiling where the shape allows).
     *
     * @param q      [batch, heads, seq, d]
     * @param k      [batch, kv heads, keys, d]; kv heads divide heads
     * @param v      as {@code k}
     * @param mask   BOOL (true = may see) or float added to the scores, broadcast to [batch, heads, seq, keys]; or null
     * @param causal position i sees keys 0…i; not together with a mask
     */
    public static Tensor attention(Tensor q, Tensor k, Tensor v, Tensor mask, boolean causal) {
        boolean grouped = q.t.size(1) != k.t.size(1);
        if (grouped && q.t.is_cuda()) {
            // the GPU's tiled kernel for F32 knows no groups: without this all scores would be written down
            return attention(q, eachHeadOf(q, k), eachHeadOf(q, v), mask, causal);
        }
        return new Tensor(torch.scaled_dot_product_attention(
                q.t,
                k.t,
                v.t,
                mask == null ? new TensorOptional() : new TensorOptional(mask.t),
                0.0,
                causal,
                new DoubleOptional(),
                grouped));
    }

    /** Keys or values [batch, kv heads, keys, d] with a head for each of {@code q}'s, those of a group the same. */
    static Tensor eachHeadOf(Tensor q, Tensor k) {
        long[] s = k.shape();
        return k.unsqueeze(2).expand(s[0], s[1], q.size(1) / s[1], s[2], s[3]).reshape(s[0], q.size(1), s[2], s[3]);
    }

    // ---- in place ----

    public Tensor add_(Tensor o) {
        t.add_(o.t);
        return this;
    }

    public Tensor add_(Tensor o, double scale) {
        t.add_(o.t, new Scalar(scale));
        return this;
    }

    public Tensor mul_(Tensor o) {
        t.mul_(o.t);
        return this;
    }

    public Tensor mul_(double v) {
        t.mul_(new Scalar(v));
        return this;
    }

    public Tensor exp_() {
        t.exp_();
        return this;
    }

    public Tensor sub_(Tensor o) {
        t.sub_(o.t);
        return this;
    }

    public Tensor copy_(Tensor o) {
        t.copy_(o.t);
        return this;
    }

    /**
     * Has the elements written by {@code fill}, row-major: into this tensor's own memory on the processor, into memory that is then copied
     * elsewhere. Contiguous tensors only.
     */
    public Tensor write_(Consumer<MemorySegment> fill) {
        if (t.is_cpu()) {
            fill.accept(segment());
            return this;
        }
        try (var scope = TensorScope.open();
                var off = NoGrad.open();
                var processor = DeviceScope.open(Device.CPU)) {
            Tensor staged = empty(dtype(), shape());
            fill.accept(staged.segment());
            t.copy_(staged.t);
        }
        return this;
    }

    public Tensor zero_() {
        t.zero_();
        return this;
    }

    public Tensor fill_(double v) {
        t.fill_(new Scalar(v));
        return this;
    }

    /** Fills with N(mean, std²) from the processor's default generator, with the same numbers on every device. */
    public Tensor normal_(double mean, double std) {
        return normal(new GeneratorOptional(), mean, std);
    }

    /** Fills with N(mean, std²), drawn on the processor: the same numbers on every device. */
    public Tensor normal_(TensorRandom random, double mean, double std) {
        return normal(random.generator, mean, std);
    }

    private Tensor normal(GeneratorOptional generator, double mean, double std) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            t.copy_(torch.randn(shape(), generator, new TensorOptions(ScalarType.Float)).mul_(new Scalar(std)).add_(new Scalar(mean)));
        }
        return this;
    }

    /** Fills with 1 at probability {@code p}, else 0, drawn on the processor: the same numbers on every device. */
    public Tensor bernoulli_(TensorRandom random, double p) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            t.copy_(torch.rand(shape(), random.generator, new TensorOptions(ScalarType.Float)).lt(new Scalar(p)));
        }
        return this;
    }

    /** {@code this = keep · this + scale · a · b} for matrices, in one pass; {@code keep} 0 overwrites whatever was there, NaN included. */
    public Tensor addmm_(Tensor a, Tensor b, double keep, double scale) {
        t.addmm_(a.t, b.t, new Scalar(keep), new Scalar(scale));
        return this;
    }

    /** {@code this = this + a · b} for matrices. */
    public Tensor addmm_(Tensor a, Tensor b) {
        t.addmm_(a.t, b.t);
        return this;
    }

    /** Adds {@code value} at {@code index} along {@code dim}. */
    public Tensor scatterAdd_(int dim, Tensor index, Tensor value) {
        t.scatter_add_(dim, index.t, value.t);
        return this;
    }

    public Tensor maskedFill_(Tensor mask, double value) {
        t.masked_fill_(mask.t, new Scalar(value));
        return this;
    }

    // ---- gradients ----

    public Tensor requiresGrad(boolean on) {
        t.requires_grad_(on);
        return this;
    }

    public boolean requiresGrad() {
        return t.requires_grad();
    }

    /** Same memory, cut from the graph. */
    public Tensor detach() {
        return new Tensor(t.detach());
    }

    /** The accumulated gradient, or null. */
    public Tensor grad() {
        org.bytedeco.pytorch.Tensor g = t.grad();
        // what grad() returns points into the leaf and dies with it: a handle of its own keeps the gradient alive
        return g.defined() ? new Tensor(new org.bytedeco.pytorch.Tensor(g)) : null;
    }

    /**
     * Has {@code then} called with this tensor's gradient when backward has found it, and with {@code input}, on the thread that runs backward and
     * without being recorded; the gradient belongs to a scope that closes afterwards. For gradients that autograd would find at greater cost.
     *
     * @param input kept until then, or until the outermost scope closes without backward
     */
    public void onGradient(Tensor input, BiConsumer<Tensor, Tensor> then) {
        GradientHook.on(this, input, then);
    }

    /** Replaces the accumulated gradient. */
    public void setGrad(Tensor gradient) {
        t.mutable_grad().put(gradient.t);
    }

    /** Forgets the accumulated gradient and frees it. */
    public void clearGrad() {
        t.mutable_grad().reset();
    }

    /** The same for several results at once, which may share parts of the graph: {@code gradients[i]} has the shape of {@code results[i]}. */
    public static void backward(Tensor[] results, Tensor[] gradients) {
        torch.backward(vector(results), vector(gradients), new BoolOptional(), false, new TensorVector());
    }

    /** Adds d(this)/d(leaf) to every leaf's gradient; this is a scalar. */
    public void backward() {
        t.backward();
    }

    /** Adds {@code gradient}ᵀ·d(this)/d(leaf) to every leaf's gradient; {@code gradient} has this shape. */
    public void backward(Tensor gradient) {
        t.backward(gradient.t, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    static TensorVector vector(Tensor... parts) {
        org.bytedeco.pytorch.Tensor[] raw = new org.bytedeco.pytorch.Tensor[parts.length];
        for (int i = 0; i < raw.length; i++) {
            raw[i] = parts[i].t;
        }
        return new TensorVector(raw);
    }

    @Override
    public String toString() {
        return dtype() + Arrays.toString(shape());
    }
}
