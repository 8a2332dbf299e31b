"""Quadratic finite elements: a weak form on curved triangles, solved by Newton's method, and evaluated at any points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy
import torch
from scipy import sparse
from scipy.spatial import cKDTree

from pinnsiren.compile import Program
from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Array, Mask
from pinnsiren.symbols import Normal
from pinnsiren.validation.finite_difference.linear import sparse_lu
from pinnsiren.validation.triangles.outline import ON_CURVE, outline
from pinnsiren.validation.triangles.triangulation import Index, triangulated
from pinnsiren.validation.triangles.weak_form import Condition, WeakForm

QUADRATURE = 6  # degree integrated exactly: quadratic elements need 2 for the Laplacian, curved ones and coefficients more
STEPS = 30
CONVERGED = 1e-11  # relative change of u in a Newton step; the next one would change it by its square
HALVINGS = 8
NEAR = 16  # triangles whose middles are nearest are looked at first
OUTSIDE = 0.2  # barycentric coordinate below −0.2: look at all triangles
PLACED = 1e-8  # of a triangle: beside a corner it is so small that its points are rounded to 1e-11 of it
INVERSIONS = 8  # Newton steps from a point to its place in a curved triangle; 3 or 4 do


@dataclass(frozen=True, eq=False)
class Elements:
    """Curved triangles with quadratic functions on them.

    Attributes:
        places: (m, 6, 2) the nodes of each triangle: corners, then the middles of sides 0–1, 1–2, 0–2.
        unknowns: (m, 6) the unknown at each of them.
        basis: scikit-fem's, for integrals over triangles.
        parts: for each condition, the basis on its part of the boundary, and its unknowns.
    """

    places: Array
    unknowns: Index
    basis: Any
    parts: Sequence[tuple[Any, Index]]

    def evaluate(self, u: Array, points: Array) -> Array:
        """Values (n,) at points (n, 2), continued beyond the boundary from the nearest triangle."""
        found, local = self._located(points)
        return np.asarray((_shapes(local) * u[self.unknowns[found]]).sum(axis=1))

    def _located(self, points: Array) -> tuple[Index, Array]:
        """The triangle (n,) that holds each point and the point's place (n, 2) in the unit triangle."""
        corners = self.places[:, :3]
        near = self._tree.query(points, k=min(NEAR, len(corners)))[1].reshape(len(points), -1)
        depth = _barycentric(corners[near], points[:, None]).min(axis=-1)
        chosen = np.take_along_axis(near, depth.argmax(axis=1)[:, None], axis=1)[:, 0]
        for i in np.flatnonzero(depth.max(axis=1) < -OUTSIDE):
            chosen[i] = _barycentric(corners, points[i]).min(axis=-1).argmax()
        local = _barycentric(corners[chosen], points)[:, 1:]
        for _ in range(INVERSIONS):
            nodes = self.places[chosen]
            apart = np.einsum("nk,nki->ni", _shapes(local), nodes) - points
            jacobian = np.einsum("nkj,nki->nij", _slopes(local), nodes)
            local = local - np.linalg.solve(jacobian, apart[..., None])[..., 0]
        return chosen, local

    @cached_property
    def _tree(self) -> Any:
        return cKDTree(self.places[:, :3].mean(axis=1))


def elements(form: WeakForm, size: float) -> Elements:
    """Triangles of a relative size on the form's domain, each boundary edge with the condition that holds there.

    Raises:
        ReferenceError: the domain cannot be triangulated, or a part of the boundary has no condition, or two.
    """
    import skfem

    length, regions = form.domain.size, [c.region for c in form.conditions] or [form.domain.boundary]
    values = [c.is_value for c in form.conditions] or [False]
    found = triangulated(outline(form.domain), regions, values, size=size, length=length)
    straight = skfem.MeshTri(found.nodes.T.copy(), found.triangles.T.copy())
    mesh = skfem.MeshTri2.from_mesh(straight)
    facets = _facets(mesh.facets, found.edges)
    nodes = mesh.doflocs.copy()
    nodes[:, mesh.dofs.facet_dofs[0, facets]] = found.middles.T
    curved = skfem.MeshTri2(nodes, mesh.t)
    mapping = curved.mapping()
    mapping.invF = partial(mapping.invF, newton_tol=PLACED)
    element = skfem.ElementTriP2()
    basis = skfem.Basis(curved, element, intorder=QUADRATURE)
    parts = []
    for mask in _assigned(form.conditions, found.middles, ON_CURVE * length):
        own = facets[mask]
        part = skfem.FacetBasis(curved, element, facets=own, intorder=QUADRATURE) if len(own) else None
        parts.append((part, np.unique(basis.get_dofs(own).flatten()) if len(own) else np.zeros(0, dtype=np.intp)))
    return Elements(nodes.T[mesh.dofs.element_dofs.T], basis.element_dofs.T, basis, parts)


def solved(form: WeakForm, on: Elements, *, free_constant: bool) -> tuple[Array, float]:
    """The unknowns (n,), and the constant that had to be added inside where u is free up to one (its mean then is 0).

    Raises:
        ReferenceError: a singular system, values that are not finite, or no convergence of Newton's method.
    """
    u = np.zeros(on.basis.N)
    rest = np.setdiff1d(np.arange(len(u)), _set_values(form, on, u))
    mean = _mean(on)[rest]
    missing = 0.0
    residual, jacobian = _assembled(form, on, u)
    residual = residual[rest]
    first = size = float(np.linalg.norm(residual))
    for _ in range(STEPS):
        if size <= CONVERGED * first:
            return u, missing
        matrix, right = jacobian[rest][:, rest], residual
        if free_constant:
            border: Any = sparse.csr_matrix(mean[:, None])
            matrix = sparse.bmat([[matrix, border], [border.T, None]])
            right = np.append(residual, _mean(on) @ u)
        step = sparse_lu(matrix.tocsc())(-right)
        missing += float(step[-1]) if free_constant else 0.0
        for share in 0.5 ** np.arange(HALVINGS):
            moved = u.copy()
            moved[rest] += share * step[:len(rest)]
            residual, jacobian = _assembled(form, on, moved)
            residual = residual[rest] + missing * mean
            if np.linalg.norm(residual) < size:
                break
        else:
            break
        u, size = moved, float(np.linalg.norm(residual))
    raise ReferenceError("Newton's method does not converge on these finite elements. Give problem.exact, or a problem whose "
                         "solution is nearer to zero.")


def _set_values(form: WeakForm, on: Elements, u: Array) -> Index:
    """Put the given values into u; returns which unknowns have one."""
    fixed = []
    for condition, (part, own) in zip(form.conditions, on.parts, strict=True):
        if not condition.is_value or part is None:
            continue
        points = on.basis.doflocs[:, own].T
        columns = _columns(form, points.T, condition.region.normals_at(points).T)
        u[own] = condition.program(columns)[0].numpy()
        fixed.append(own)
    return np.unique(np.concatenate(fixed)) if fixed else np.zeros(0, dtype=np.intp)


def _mean(on: Elements) -> Array:
    """∫ v for every shape function v."""
    import skfem

    return np.asarray(skfem.asm(skfem.LinearForm(lambda v, w: 1.0 * v), on.basis))


def _assembled(form: WeakForm, on: Elements, u: Array) -> tuple[Array, sparse.csr_matrix]:
    """The residual (n,) of the weak form at u, and its Jacobian (n, n)."""
    import skfem

    here = on.basis.interpolate(u)
    ux, uy = here.grad
    columns = _columns(form, np.asarray(on.basis.global_coordinates()), None) | _jet(form, (np.asarray(here), ux, uy))
    a, b, c, d0, d1, g, gu, gx, gy = _shaped(form.program, columns, ux.shape)
    flux = (a * ux + b * uy, b * ux + c * uy)
    source = g - d0 * ux - d1 * uy
    residual = skfem.asm(skfem.LinearForm(lambda v, w: source * v - flux[0] * v.grad[0] - flux[1] * v.grad[1]), on.basis)

    def change(e: Any, v: Any, w: Any) -> Any:
        ex, ey = e.grad
        lower = (gu * e + (gx - d0) * ex + (gy - d1) * ey) * v
        return lower - (a * ex + b * ey) * v.grad[0] - (b * ex + c * ey) * v.grad[1]

    jacobian = skfem.asm(skfem.BilinearForm(change), on.basis)
    for condition, (part, _) in zip(form.conditions, on.parts, strict=True):
        if not condition.is_value and part is not None:
            vector, matrix = _boundary(form, condition, part, u)
            residual, jacobian = residual + vector, jacobian + matrix
    if not np.isfinite(residual).all() or not np.isfinite(jacobian.data).all():
        raise ReferenceError("the equations have values that are not finite inside; rewrite them, or give problem.exact.")
    return residual, jacobian


def _boundary(form: WeakForm, condition: Condition, part: Any, u: Array) -> tuple[Array, sparse.csr_matrix]:
    """∮ n·A∇u v = ∮ −λ B₀ v on a part of the boundary, and its derivative."""
    import skfem

    here, normals = part.interpolate(u), np.asarray(part.normals)
    at = np.asarray(part.global_coordinates())
    columns = _columns(form, at, normals) | _jet(form, (np.asarray(here), *here.grad))
    a, b, c = _shaped(form.program, columns, at.shape[1:])[:3]
    b1x, b1y, b0, b0u = _shaped(condition.program, columns, at.shape[1:])
    conormal = (a * normals[0] + b * normals[1], b * normals[0] + c * normals[1])
    ratio = (conormal[0] * b1x + conormal[1] * b1y) / (b1x**2 + b1y**2)
    return (skfem.asm(skfem.LinearForm(lambda v, w: -ratio * b0 * v), part),
            skfem.asm(skfem.BilinearForm(lambda e, v, w: -ratio * b0u * e * v), part))


def _columns(form: WeakForm, points: Array, normals: Array | None) -> dict[sympy.Symbol, torch.Tensor]:
    """Coordinates and normals by their symbols; both (2, …) as scikit-fem has them."""
    symbols = form.domain.coordinates
    columns = {c: torch.from_numpy(np.ravel(v).copy()) for c, v in zip(symbols, points, strict=True)}
    if normals is not None:
        columns |= {Normal(c): torch.from_numpy(np.ravel(v).copy()) for c, v in zip(symbols, normals, strict=True)}
    return columns


def _jet(form: WeakForm, values: tuple[Array, ...]) -> dict[sympy.Symbol, torch.Tensor]:
    return {p: torch.from_numpy(np.ravel(v).copy()) for p, v in zip(form.partials, values, strict=True)}


def _shaped(program: Program, columns: Mapping[sympy.Symbol, torch.Tensor], shape: tuple[int, ...]) -> list[Array]:
    return [v.numpy().reshape(shape) for v in program(columns)]


def _facets(facets: Index, edges: Index) -> Index:
    """The place of edges (k, 2) among facets (2, n)."""
    base = int(facets.max()) + 1
    keys = facets.min(axis=0) * base + facets.max(axis=0)
    order = np.argsort(keys)
    ordered = np.sort(edges, axis=1)
    return np.asarray(order[np.searchsorted(keys[order], ordered[:, 0] * base + ordered[:, 1])])


def _assigned(conditions: Sequence[Condition], middles: Array, tolerance: float) -> list[Mask]:
    """Which boundary edges each condition holds on, all of them exactly one."""
    covered = [c.region.contains(middles, tolerance) for c in conditions]
    count = np.sum(covered, axis=0) if covered else np.zeros(len(middles), dtype=int)
    wrong = np.flatnonzero(count != 1)
    if len(wrong):
        i = int(wrong[0])
        names = ", ".join(repr(c.name) for c, mask in zip(conditions, covered, strict=True) if mask[i]) or "none"
        place = ", ".join(f"{v:.4g}" for v in middles[i])
        raise ReferenceError(f"finite elements need one condition everywhere on the boundary, and at ({place}) there is: "
                             f"{names}.")
    return covered


def _shapes(at: Array) -> Array:
    """The six quadratic functions at places (n, 2) of the unit triangle: (n, 6)."""
    y, z = at.T
    x = 1 - y - z
    return np.stack([x * (2 * x - 1), y * (2 * y - 1), z * (2 * z - 1), 4 * x * y, 4 * y * z, 4 * x * z], axis=1)


def _slopes(at: Array) -> Array:
    """Their derivatives (n, 6, 2) along the two sides of the unit triangle."""
    y, z = at.T
    x, zero = 1 - y - z, np.zeros(len(at))
    first = np.stack([1 - 4 * x, 4 * y - 1, zero, 4 * (x - y), 4 * z, -4 * z], axis=1)
    second = np.stack([1 - 4 * x, zero, 4 * z - 1, -4 * y, 4 * y, 4 * (x - z)], axis=1)
    return np.stack([first, second], axis=2)


def _barycentric(corners: Array, points: Array) -> Array:
    """Barycentric coordinates (…, 3) of points (…, 2) in straight triangles (…, 3, 2)."""
    origin = corners[..., 0, :]
    a, b, c = corners[..., 1, :] - origin, corners[..., 2, :] - origin, points - origin
    area = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    second = (c[..., 0] * b[..., 1] - c[..., 1] * b[..., 0]) / area
    third = (a[..., 0] * c[..., 1] - a[..., 1] * c[..., 0]) / area
    return np.stack([1 - second - third, second, third], axis=-1)
